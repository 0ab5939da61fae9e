// Runs kernels on raw pointers with threads of its own, no torch and no OpenMP, so that the
// sanitizers see every instruction. The checks of an operator are one file, check_<op>.cpp, with
// one static Check.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "cpu/pool.h"

namespace harness {

inline std::vector<void (*)()>& checks() {
  static std::vector<void (*)()> all;
  return all;
}

struct Check {
  explicit Check(void (*run)()) { checks().push_back(run); }
};

inline topicforge::Pool pool(int64_t threads) {
  return {
      threads,
      [](int64_t workers, void (*worker)(void*, int64_t), void* context) {
        std::vector<std::thread> team;
        for (int64_t i = 0; i < workers; ++i) team.emplace_back(worker, context, i);
        for (std::thread& member : team) member.join();
      },
      [](size_t bytes) { return ::operator new(bytes, std::align_val_t(64)); },
      [](void* memory) { ::operator delete(memory, std::align_val_t(64)); }};
}

// Exactly so long, so that a read past the end is seen.
template <class T>
std::vector<T> normal(int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> draw;
  std::vector<T> values(static_cast<size_t>(count));
  for (T& value : values) value = static_cast<T>(draw(generator));
  return values;
}

template <class T>
std::vector<T> log_softmax(std::vector<T> rows, int64_t K) {
  for (size_t start = 0; start < rows.size(); start += static_cast<size_t>(K)) {
    double total = 0.0;
    for (int64_t k = 0; k < K; ++k) total += std::exp(static_cast<double>(rows[start + k]));
    for (int64_t k = 0; k < K; ++k) rows[start + k] -= static_cast<T>(std::log(total));
  }
  return rows;
}

inline void fail(const char* what, double came, double expected) {
  std::fprintf(stderr, "%s: %.17g, but %.17g was expected\n", what, came, expected);
  std::exit(1);
}

inline void expect_near(const char* what, double came, double expected, double tolerance) {
  if (!(std::fabs(came - expected) <= tolerance * (1.0 + std::fabs(expected)))) {
    fail(what, came, expected);
  }
}

// Bit for bit: for results of different numbers of threads.
template <class T>
void expect_same(const char* what, const std::vector<T>& a, const std::vector<T>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] == b[i])) fail(what, static_cast<double>(a[i]), static_cast<double>(b[i]));
  }
}

template <class T>
constexpr double tolerance() {
  return sizeof(T) == sizeof(float) ? 2e-4 : 1e-10;
}

}  // namespace harness
