// Compressed sparse rows on CUDA: the entries by document and by word, and the two loops over
// dense rows that every sparse operator is made of.
//
// Nothing is added atomically: each sum belongs to one thread or one warp and runs in the order of
// the entries, so that results repeat bit for bit. A word number outside of the vocabulary reads
// nothing and makes its results NaN.
#pragma once

#include <cstdint>

#include "ops/sparse_rows.h"

namespace topicforge {
namespace cuda {

constexpr int kWarp = 32;
constexpr int kLine = 128;  // threads per block

template <class T>
__device__ T not_a_number() {
  return static_cast<T>(nan(""));
}

// First i in [0, count) with sorted[i] >= key, or count.
__device__ inline int64_t lower_bound(const int64_t* sorted, int64_t count, int64_t key) {
  int64_t low = 0;
  while (count > 0) {
    const int64_t half = count / 2;
    if (sorted[low + half] < key) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

// Entries in the order of the rows.
template <class T>
struct ByDocument {
  SparseRows<T> x;

  __device__ int64_t clamp(int64_t i) const { return i < 0 ? 0 : (i > x.entries ? x.entries : i); }
  __device__ int64_t begin(int64_t b) const { return clamp(x.crow[b]); }
  __device__ int64_t end(int64_t b) const { return clamp(x.crow[b + 1]); }
  __device__ int64_t place(int64_t i) const { return i; }
  // The word's row, or -1 if there is no such word.
  __device__ int64_t row(int64_t i) const {
    const int64_t v = x.col[i];
    return v >= 0 && v < x.words ? v : -1;
  }
};

// Entries sorted by word, documents rising within a word.
struct ByWord {
  const int64_t* sorted;    // (entries,) words
  const int64_t* place_of;  // (entries,) where each stands in the rows
  const int64_t* document;  // (entries,) by place
  int64_t entries;

  __device__ int64_t begin(int64_t word) const { return lower_bound(sorted, entries, word); }
  __device__ int64_t end(int64_t word) const { return lower_bound(sorted, entries, word + 1); }
  __device__ int64_t place(int64_t i) const { return place_of[i]; }
  __device__ int64_t row(int64_t i) const { return document[place_of[i]]; }
};

// document[i] = the row that entry i belongs to.
static __global__ void documents_of(
    const int64_t* crow, int64_t documents, int64_t entries, int64_t* document) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i >= entries) return;
  // The last b with crow[b] <= i: one before the first with crow[b] >= i + 1.
  const int64_t b = lower_bound(crow, documents + 1, i + 1) - 1;
  document[i] = b < 0 ? 0 : (b >= documents ? documents - 1 : b);
}

// out[r] = first[r · step] + Σ_i scale[place(i)] · x[row(i)], rows of `columns` numbers; `first` may
// be null, or `out` itself: each number is read and written by one thread. Grid (rows, column
// blocks).
template <class T, class Order>
__global__ void add_scaled_rows(
    Order order, const T* scale, const T* x, int64_t columns, const T* first, int64_t step,
    T* out) {
  const int64_t r = blockIdx.x;
  const int64_t column = blockIdx.y * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  __shared__ int64_t bounds[2];
  if (threadIdx.x == 0) {
    bounds[0] = order.begin(r);
    bounds[1] = order.end(r);
  }
  __syncthreads();
  if (column >= columns) return;
  T sum = first == nullptr ? T(0) : first[r * step + column];
  for (int64_t i = bounds[0]; i < bounds[1]; ++i) {
    const int64_t row = order.row(i);
    sum += row < 0 ? not_a_number<T>() : scale[order.place(i)] * x[row * columns + column];
  }
  out[r * columns + column] = sum;
}

template <class T>
__device__ T warp_sum(T x) {
  for (int width = kWarp / 2; width > 0; width /= 2) x += __shfl_xor_sync(0xffffffffu, x, width);
  return x;
}

// The warp's number among all warps of the grid.
__device__ inline int64_t warp_number() {
  return (blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x) / kWarp;
}

// out[i] = y[document(i)] · x[word(i)] over `columns`; a warp per entry.
template <class T>
__global__ void dot_entries(
    ByDocument<T> order, const int64_t* document, const T* y, const T* x, int64_t columns, T* out) {
  const int64_t i = warp_number();
  if (i >= order.x.entries) return;
  const int lane = threadIdx.x % kWarp;
  const int64_t word = order.row(i);
  T sum = T(0);
  if (word >= 0) {
    const T *left = y + document[i] * columns, *right = x + word * columns;
    for (int64_t k = lane; k < columns; k += kWarp) sum += left[k] * right[k];
  } else {
    sum = not_a_number<T>();
  }
  sum = warp_sum(sum);
  if (lane == 0) out[i] = sum;
}

}  // namespace cuda
}  // namespace topicforge
