#include "ops/adam_rows.h"

#include "harness.h"

namespace {

using namespace topicforge;

constexpr int64_t kBase = 2, kSteps = 9;
constexpr double kBeta1 = 0.9, kBeta2 = 0.99, kEps = 1e-3, kRate = 0.05;

// Weight, mean and square of rows that are 1 ... kSteps steps behind; every second one is named.
template <class T>
std::vector<std::vector<T>> stepped(
    int64_t V, int64_t H, bool with_grad, double weight_decay, const Pool& pool) {
  std::vector<T> weight = harness::normal<T>(V * H, 1), mean = harness::normal<T>(V * H, 2);
  std::vector<T> square = harness::normal<T>(V * H, 3);
  for (T& x : square) x *= x;
  std::vector<int64_t> since, row;
  for (int64_t v = 0; v < V; ++v) since.push_back(kBase + v % kSteps);
  for (int64_t v = 0; v < V; v += 2) row.push_back(v);
  row.shrink_to_fit();
  const int64_t R = static_cast<int64_t>(row.size());
  const std::vector<T> grad = harness::normal<T>(R * H, 4);
  std::vector<double> size, root, left_mean{1.0}, left_deviation{1.0};
  for (int64_t t = kBase + 1; t <= kBase + kSteps; ++t) {
    const double n = static_cast<double>(t);
    size.push_back(kRate / (1.0 - std::pow(kBeta1, n)));
    root.push_back(1.0 / std::sqrt(1.0 - std::pow(kBeta2, n)));
    left_mean.push_back(left_mean.back() * kBeta1);
    left_deviation.push_back(left_deviation.back() * std::sqrt(kBeta2));
  }
  const AdamSteps steps{kBase,  kSteps, kSteps, size.data(), root.data(), left_mean.data(),
                        left_deviation.data(), kBeta1, kBeta2, kEps, weight_decay};
  const std::vector<T> w = weight, m = mean, s = square;
  const std::vector<int64_t> before = since;
  adam_rows_kernels<T>().step(
      weight.data(), mean.data(), square.data(), since.data(), row.data(), R, H,
      with_grad ? grad.data() : nullptr, steps, pool);
  for (int64_t i = 0; i < V * H; ++i) {
    const int64_t v = i / H;
    double next_w = w[i], next_m = m[i], next_s = s[i];
    for (int64_t t = before[v]; v % 2 == 0 && t < kBase + kSteps; ++t) {
      double g = weight_decay * next_w;
      if (with_grad && t + 1 == kBase + kSteps) g += grad[v / 2 * H + i % H];
      next_m += (1.0 - kBeta1) * (g - next_m);
      next_s = kBeta2 * next_s + (1.0 - kBeta2) * g * g;
      next_w -= size[t - kBase] * next_m / (std::sqrt(next_s) * root[t - kBase] + kEps);
    }
    // up to ten steps of up to size / eps times m: their roundings are as large as they are
    const double tolerance = harness::tolerance<T>() * (1.0 + std::fabs(next_w - w[i]));
    harness::expect_near("mean of a row", mean[i], next_m, harness::tolerance<T>());
    harness::expect_near("square of a row", square[i], next_s, harness::tolerance<T>());
    harness::expect_near("weight of a row", weight[i], next_w, tolerance);
  }
  for (int64_t v = 0; v < V; ++v) {
    const int64_t expected = v % 2 == 0 ? kBase + kSteps : before[v];
    if (since[v] != expected) harness::fail("step of a row", since[v], expected);
  }
  return {weight, mean, square};
}

template <class T>
void check_type() {
  constexpr int64_t sizes[][2] = {{0, 5}, {1, 1}, {7, 13}, {300, 130}, {40, 64}, {5, 20000}};
  for (const auto& size : sizes) {
    for (const bool with_grad : {false, true}) {
      for (const double decay : {0.0, 0.1}) {
        const auto first = stepped<T>(size[0], size[1], with_grad, decay, harness::pool(1));
        for (int64_t threads : {2, 5}) {
          const auto other = stepped<T>(size[0], size[1], with_grad, decay, harness::pool(threads));
          for (size_t i = 0; i < first.size(); ++i) {
            harness::expect_same("another number of threads", other[i], first[i]);
          }
        }
      }
    }
  }
}

void check() {
  check_type<float>();
  check_type<double>();
}

const harness::Check registered(check);

}  // namespace
