// Blocks of 16 x 16 threads on tiles of kTile x kTile, each thread kMicro x kMicro entries.
//
// Entries of a thread lie 16 apart, so that neighbours read neighbouring words. Every sum runs in
// an order fixed by the sizes: nothing is added atomically, results repeat bit for bit.
#pragma once

#include <cstdint>

namespace topicforge {
namespace cuda {

constexpr int kSide = 16;               // threads per side of the block
constexpr int kThreads = kSide * kSide;
inline dim3 square_block() { return dim3(kSide, kSide); }
constexpr int kDepth = 16;              // columns of both operands in shared memory at a time

template <class T>
constexpr int kMicro = sizeof(T) == 4 ? 4 : 2;  // float64 would outgrow 48 KiB of shared memory
template <class T>
constexpr int kTile = kSide * kMicro<T>;

// to[d][i] = from[(first + i) * stride + start + d], zero beyond `rows` and `columns`.
template <class T>
__device__ void load_transposed(
    const T* from, int64_t first, int64_t rows, int64_t stride, int64_t start, int64_t columns,
    T (&to)[kDepth][kTile<T> + 1]) {
  const int thread = threadIdx.y * kSide + threadIdx.x;
  for (int e = thread; e < kDepth * kTile<T>; e += kThreads) {
    const int d = e % kDepth, i = e / kDepth;
    const bool inside = first + i < rows && start + d < columns;
    to[d][i] = inside ? from[(first + i) * stride + start + d] : T(0);
  }
}

// to[d][i] = from[(first + d) * stride + start + i], zero beyond `rows` and `columns`.
template <class T>
__device__ void load_straight(
    const T* from, int64_t first, int64_t rows, int64_t stride, int64_t start, int64_t columns,
    T (&to)[kDepth][kTile<T> + 1]) {
  const int thread = threadIdx.y * kSide + threadIdx.x;
  for (int e = thread; e < kDepth * kTile<T>; e += kThreads) {
    const int i = e % kTile<T>, d = e / kTile<T>;
    const bool inside = first + d < rows && start + i < columns;
    to[d][i] = inside ? from[(first + d) * stride + start + i] : T(0);
  }
}

// The sum over all threads of the block, in a fixed order; `memory` holds kThreads doubles. All
// threads call it and all get the sum.
__device__ inline double block_sum(double x, double* memory) {
  const int thread = threadIdx.y * kSide + threadIdx.x;
  __syncthreads();
  memory[thread] = x;
  __syncthreads();
  for (int width = kThreads / 2; width > 0; width /= 2) {
    if (thread < width) memory[thread] += memory[thread + width];
    __syncthreads();
  }
  return memory[0];
}

}  // namespace cuda
}  // namespace topicforge
