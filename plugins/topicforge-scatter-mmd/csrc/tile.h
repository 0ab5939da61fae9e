// One tile of pairs: every row of block a against every row of block b.
//   value = sum_ij k(d_ij),  d_ij = |a_i - b_j|^2,  k(d) = sum_s c_s / (c_s + d)
//   pull  = sum_ij k'(d_ij) (a_i - b_j), without sign and factor: -k'(d) = sum_s c_s / (c_s + d)^2
#pragma once

#include <cstdint>
#include <cstring>

namespace scatter_mmd {

// 64 bytes of numbers: one AVX-512 register, two of AVX2, four of SSE2 or NEON.
template <class T>
struct Lanes {
  typedef T Vector __attribute__((vector_size(64)));
  static constexpr int width = 64 / sizeof(T);
  static constexpr int unroll = 4;  // independent sums, enough to hide the latency of an addition
  static constexpr int tile = width * unroll;  // rows of a block
};

// b (n_b, L) -> (L, tile), so that one column of many rows lies in one vector; rows that aren't
// there are zero.
template <class T>
void transpose(const T* b, int64_t n_b, int64_t width, T* out) {
  constexpr int tile = Lanes<T>::tile;
  for (int64_t l = 0; l < width; ++l) {
    for (int64_t j = 0; j < tile; ++j) out[l * tile + j] = j < n_b ? b[j * width + l] : T(0);
  }
}

// diagonal: a and b are one block, of which only the pairs j > i count.
// pull_a, pull_b: (tile, L) to be added to, or null where nobody wants them.
template <class T>
inline __attribute__((always_inline)) double tile_sum(
    const T* a, int64_t n_a, const T* b, const T* b_columns, int64_t n_b, int64_t width,
    const T* c, int64_t n_scales, bool diagonal, T* pull_a, T* pull_b) {
  using Vector = typename Lanes<T>::Vector;
  constexpr int lanes = Lanes<T>::width, unroll = Lanes<T>::unroll, tile = Lanes<T>::tile;
  double total = 0;
  for (int64_t i = 0; i < n_a; ++i) {
    const T* row = a + i * width;
    Vector distance[unroll] = {};
    for (int64_t l = 0; l < width; ++l) {
      for (int u = 0; u < unroll; ++u) {
        Vector column;
        std::memcpy(&column, b_columns + l * tile + u * lanes, sizeof column);
        const Vector difference = row[l] - column;
        distance[u] += difference * difference;
      }
    }
    T kernel[tile], slope[tile];
    for (int u = 0; u < unroll; ++u) {
      Vector k = {}, g = {};
      for (int64_t s = 0; s < n_scales; ++s) {
        const Vector ratio = c[s] / (c[s] + distance[u]);
        k += ratio;
        g += ratio * ratio * (T(1) / c[s]);
      }
      std::memcpy(kernel + u * lanes, &k, sizeof k);
      std::memcpy(slope + u * lanes, &g, sizeof g);
    }
    const int64_t first = diagonal ? i + 1 : 0;
    for (int64_t j = first; j < n_b; ++j) total += static_cast<double>(kernel[j]);
    if (pull_a == nullptr && pull_b == nullptr) continue;
    for (int64_t j = first; j < n_b; ++j) {
      const T* other = b + j * width;
      const T g = slope[j];
      T* to_a = pull_a == nullptr ? nullptr : pull_a + i * width;
      T* to_b = pull_b == nullptr ? nullptr : pull_b + j * width;
      if (to_b == nullptr) {
        for (int64_t l = 0; l < width; ++l) to_a[l] += g * (row[l] - other[l]);
      } else if (to_a == nullptr) {
        for (int64_t l = 0; l < width; ++l) to_b[l] -= g * (row[l] - other[l]);
      } else {
#pragma GCC ivdep
        for (int64_t l = 0; l < width; ++l) {
          const T pull = g * (row[l] - other[l]);
          to_a[l] += pull;
          to_b[l] -= pull;
        }
      }
    }
  }
  return total;
}

// GCC compiles the two functions below once an instruction set and picks one when the library is
// loaded. Elsewhere they are compiled for the baseline.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define SCATTER_MMD_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SCATTER_MMD_CLONES
#endif

double tile_sum_any(
    const float* a, int64_t n_a, const float* b, const float* b_columns, int64_t n_b,
    int64_t width, const float* c, int64_t n_scales, bool diagonal, float* pull_a, float* pull_b);
double tile_sum_any(
    const double* a, int64_t n_a, const double* b, const double* b_columns, int64_t n_b,
    int64_t width, const double* c, int64_t n_scales, bool diagonal, double* pull_a,
    double* pull_b);

}  // namespace scatter_mmd
