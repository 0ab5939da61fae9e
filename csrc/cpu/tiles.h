// Register-blocked matrix products on small tiles, with points as the vector dimension.
//
// A panel is P = 2 vectors of points, stored dimension by dimension: panel[k * P + i]. Rows are
// other points, stored as they come: rows[j * stride + k]. Then a product needs no horizontal
// sums and no padding of K, and each point's sums stay in its own lane, so that lanes beyond
// the last point can hold anything.
#pragma once

#include "cpu/vector.h"

namespace topicforge {
namespace {

template <class T>
constexpr int kPanel = 2 * kLanes<T>;

// Rows per register block: 12 x 2 accumulators of 32 registers, or 4 x 2 of 16.
constexpr int kBlock = kManyRegisters ? 12 : 4;

// One step of the transposition of a square of vectors: exchanges the off-diagonal quarters of
// every square of 2 * step lanes, then goes on with steps twice as large.
#if defined(__GNUC__) && !defined(__clang__)
#define TOPICFORGE_TRANSPOSE 1
template <class T, int step>
inline void transpose_from(Vec<T> (&v)[kLanes<T>]) {
  if constexpr (step < kLanes<T>) {
    Bits<T> upper{}, lower{};
    TOPICFORGE_UNROLL
    for (int l = 0; l < kLanes<T>; ++l) {
      upper[l] = (l & step) != 0 ? l - step + kLanes<T> : l;
      lower[l] = (l & step) != 0 ? l + kLanes<T> : l + step;
    }
    TOPICFORGE_UNROLL
    for (int i = 0; i < kLanes<T>; ++i) {
      if ((i & step) != 0) continue;
      const Vec<T> a = v[i], b = v[i + step];
      v[i] = __builtin_shuffle(a, b, upper);
      v[i + step] = __builtin_shuffle(a, b, lower);
    }
    transpose_from<T, 2 * step>(v);
  }
}
#endif

// panel[k * P + i] = rows[i * stride + k] for i < valid, 0 for the rest of the panel.
template <class T>
inline void fill_panel(const T* rows, int64_t stride, int64_t valid, int64_t K, T* panel) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  for (int64_t start = 0; start < P; start += L) {
    int64_t k = 0;
#ifdef TOPICFORGE_TRANSPOSE
    if (start + L <= valid) {
      for (; k + L <= K; k += L) {
        Vec<T> square[L];
        TOPICFORGE_UNROLL
        for (int i = 0; i < L; ++i) square[i] = load(rows + (start + i) * stride + k);
        transpose_from<T, 1>(square);
        TOPICFORGE_UNROLL
        for (int i = 0; i < L; ++i) store<T>(panel + (k + i) * P + start, square[i]);
      }
    }
#endif
    for (; k < K; ++k) {
      for (int64_t i = start; i < start + L; ++i) {
        panel[k * P + i] = i < valid ? rows[i * stride + k] : T(0);
      }
    }
  }
}

// acc[r][:] = Σ_k rows[r][k] panel[k][:], r < kBlock, of the first N vectors of points.
template <int N, class T>
inline void products(
    const T* rows, int64_t stride, const T* panel, int64_t K, Vec<T> (&acc)[kBlock][N]) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  // Every third row has an address of its own and the two below it are reached from there: an
  // address per row is more than there are registers, and gcc keeps the rest among the vectors.
  constexpr int step = kBlock % 3 == 0 ? 3 : 2;
  const T* at[kBlock / step];
  TOPICFORGE_UNROLL
  for (int i = 0; i < kBlock / step; ++i) at[i] = rows + i * step * stride;
  TOPICFORGE_UNROLL
  for (int r = 0; r < kBlock; ++r) {
    TOPICFORGE_UNROLL
    for (int j = 0; j < N; ++j) acc[r][j] = Vec<T>{};
  }
  for (int64_t k = 0; k < K; ++k) {
    Vec<T> point[N];
    TOPICFORGE_UNROLL
    for (int j = 0; j < N; ++j) point[j] = load(panel + k * P + j * L);
    TOPICFORGE_UNROLL
    for (int i = 0; i < kBlock / step; ++i) {
      TOPICFORGE_UNROLL
      for (int r = 0; r < step; ++r) {
        const Vec<T> x = splat<T>(at[i][r * stride]);
        TOPICFORGE_UNROLL
        for (int j = 0; j < N; ++j) acc[i * step + r][j] += x * point[j];
      }
      ++at[i];
      asm("" : "+r"(at[i]));
    }
  }
}

// out[k][:] += Σ_{j < count} rows[j][k] weights[j][:] for k = first ... first + size - 1, of the
// first N vectors of points.
template <class T, int size, int N>
void add_weighted_block(
    const T* rows, int64_t stride, const T* weights, int64_t count, int64_t first, T* out) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  Vec<T> acc[size][N];
  TOPICFORGE_UNROLL
  for (int r = 0; r < size; ++r) {
    TOPICFORGE_UNROLL
    for (int i = 0; i < N; ++i) acc[r][i] = load(out + (first + r) * P + i * L);
  }
  for (int64_t j = 0; j < count; ++j) {
    Vec<T> weight[N];
    TOPICFORGE_UNROLL
    for (int i = 0; i < N; ++i) weight[i] = load(weights + j * P + i * L);
    const T* row = rows + j * stride + first;
    TOPICFORGE_UNROLL
    for (int r = 0; r < size; ++r) {
      const Vec<T> x = splat<T>(row[r]);
      TOPICFORGE_UNROLL
      for (int i = 0; i < N; ++i) acc[r][i] += x * weight[i];
    }
  }
  TOPICFORGE_UNROLL
  for (int r = 0; r < size; ++r) {
    TOPICFORGE_UNROLL
    for (int i = 0; i < N; ++i) store<T>(out + (first + r) * P + i * L, acc[r][i]);
  }
}

// Runs add_weighted_block for a size known at run time, 1 <= size <= most.
template <class T, int most, int N>
inline void add_weighted_sized(
    int size, const T* rows, int64_t stride, const T* weights, int64_t count, int64_t first,
    T* out) {
  if (size == most) {
    add_weighted_block<T, most, N>(rows, stride, weights, count, first, out);
  } else if constexpr (most > 1) {
    add_weighted_sized<T, most - 1, N>(size, rows, stride, weights, count, first, out);
  }
}

// out[k][:] += Σ_{j < count} rows[j][k] weights[j][:], k < K, in blocks of nearly equal size: a
// narrow last block would leave the multipliers idle.
template <class T, int N = 2>
inline void add_weighted(
    const T* rows, int64_t stride, const T* weights, int64_t count, int64_t K, T* out) {
  const int64_t blocks = (K + kBlock - 1) / kBlock;
  int64_t first = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    const int size = static_cast<int>((K - first + blocks - b - 1) / (blocks - b));
    add_weighted_sized<T, kBlock, N>(size, rows, stride, weights, count, first, out);
    first += size;
  }
}

}  // namespace
}  // namespace topicforge
