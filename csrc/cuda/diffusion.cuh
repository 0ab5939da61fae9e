// Device code of the diffusion kernel and its MMD; ops/diffusion_profile.h has the polynomials.
#pragma once

#include "cuda/tiles.cuh"
#include "ops/diffusion_profile.h"

namespace topicforge {
namespace cuda {

__device__ inline float exponential(float x) { return expf(x); }
__device__ inline double exponential(double x) { return exp(x); }

// k(x) and k'(x) times the profile's factor.
template <class T>
__device__ void evaluate(const Profile<T>& profile, T x, T& value, T& slope) {
  const int degree = profile.direct ? Profile<T>::kDirect : Profile<T>::kAngle;
  const T u = x + x - T(1);
  T v = profile.value[degree], s = profile.slope[degree];
  for (int i = degree - 1; i >= 0; --i) {
    v = v * u + profile.value[i];
    s = s * u + profile.slope[i];
  }
  if (!profile.direct) {
    v = exponential(v * profile.rate);
    s = s * profile.rate * v;
  }
  value = v;
  slope = s;
}

// out = sqrt of the probabilities.
template <class T>
__global__ void roots(const T* log_rows, int64_t count, T* out) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) out[i] = exponential(T(0.5) * log_rows[i]);
}

template <class T>
struct Sweep {
  const T *own, *other;    // roots, row-major (count, K)
  int64_t own_count, other_count, K;
  bool skip_diagonal = false;  // pairs i = j count nothing
  // Unless null, the pair (i, j) counts weight[i * own_step + j * other_step].
  const T* weight = nullptr;
  int64_t own_step = 0, other_step = 0;
  // What is wanted, each unless null:
  double* totals = nullptr;  // Σ k per block, [segment][panel]
  T* sums = nullptr;         // Σ_j weight k' other_j per segment, [segment][own_count][K]
  T* matrix = nullptr;       // k itself (own_count, other_count)
};

// Block (panel, segment): a tile of own rows against the segment's share of the other rows.
template <class T>
__global__ void sweep(const Sweep<T> task, const Profile<T> profile) {
  constexpr int M = kMicro<T>, tile = kTile<T>;
  __shared__ T a[kDepth][tile + 1], b[kDepth][tile + 1], weights[tile][tile + 1];
  __shared__ double reduction[kThreads];
  const int ty = threadIdx.y, tx = threadIdx.x;
  const int64_t first = int64_t(blockIdx.x) * tile, K = task.K;
  const int64_t tiles = (task.other_count + tile - 1) / tile;
  const int64_t begin = tiles * blockIdx.y / gridDim.y, end = tiles * (blockIdx.y + 1) / gridDim.y;
  double total = 0.0;
  T* sums = task.sums == nullptr ? nullptr : task.sums + blockIdx.y * task.own_count * K;
  if (sums != nullptr) {
    // Own rows belong to this block alone (in this segment), and each entry to one thread.
    for (int64_t k = tx; k < K; k += kSide) {
      for (int64_t i = first + ty; i < first + tile && i < task.own_count; i += kSide) {
        sums[i * K + k] = T(0);
      }
    }
    __syncthreads();
  }
  for (int64_t j0 = begin * tile; j0 < end * tile; j0 += tile) {
    T x[M][M] = {};
    for (int64_t k = 0; k < K; k += kDepth) {
      load_transposed<T>(task.own, first, task.own_count, K, k, K, a);
      load_transposed<T>(task.other, j0, task.other_count, K, k, K, b);
      __syncthreads();
      for (int d = 0; d < kDepth; ++d) {
        for (int r = 0; r < M; ++r) {
          for (int c = 0; c < M; ++c) x[r][c] += a[d][ty + kSide * r] * b[d][tx + kSide * c];
        }
      }
      __syncthreads();
    }
    for (int r = 0; r < M; ++r) {
      for (int c = 0; c < M; ++c) {
        const int64_t i = first + ty + kSide * r, j = j0 + tx + kSide * c;
        T value = T(0), slope = T(0);
        if (i < task.own_count && j < task.other_count && !(task.skip_diagonal && i == j)) {
          evaluate(profile, x[r][c], value, slope);
          if (task.matrix != nullptr) task.matrix[i * task.other_count + j] = value;
          if (task.weight != nullptr) {
            slope *= task.weight[i * task.own_step + j * task.other_step];
          }
        }
        total += static_cast<double>(value);
        weights[ty + kSide * r][tx + kSide * c] = slope;
      }
    }
    if (sums == nullptr) continue;
    for (int64_t k = 0; k < K; k += tile) {
      T y[M][M] = {};
      for (int j = 0; j < tile; j += kDepth) {
        __syncthreads();
        load_straight<T>(task.other, j0 + j, task.other_count, K, k, K, b);
        __syncthreads();
        for (int d = 0; d < kDepth; ++d) {
          for (int r = 0; r < M; ++r) {
            for (int c = 0; c < M; ++c) {
              y[r][c] += weights[ty + kSide * r][j + d] * b[d][tx + kSide * c];
            }
          }
        }
      }
      for (int r = 0; r < M; ++r) {
        for (int c = 0; c < M; ++c) {
          const int64_t i = first + ty + kSide * r, column = k + tx + kSide * c;
          if (i < task.own_count && column < K) sums[i * K + column] += y[r][c];
        }
      }
    }
    __syncthreads();  // before the next tile overwrites the weights
  }
  if (task.totals != nullptr) {
    const double sum = block_sum(total, reduction);
    if (ty == 0 && tx == 0) task.totals[int64_t(blockIdx.y) * gridDim.x + blockIdx.x] = sum;
  }
}

// grad = ½ root Σ over both passes and all segments; `across` may be null.
template <class T>
__global__ void finish_gradient(
    const T* roots, int64_t count, const T* within, int64_t within_segments, const T* across,
    int64_t across_segments, T* grad) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  T total = T(0);
  for (int64_t s = 0; s < within_segments; ++s) total += within[s * count + i];
  for (int64_t s = 0; across != nullptr && s < across_segments; ++s) {
    total += across[s * count + i];
  }
  grad[i] = T(0.5) * roots[i] * total;
}

// value = Σ_s weight_s Σ totals_s; one block.
struct Totals {
  const double* totals[3];
  int64_t counts[3];
  double weights[3];
};

template <class T>
__global__ void finish_value(const Totals all, T* value) {
  __shared__ double reduction[kThreads];
  const int thread = threadIdx.y * kSide + threadIdx.x;
  double result = 0.0;
  for (int s = 0; s < 3; ++s) {
    double part = 0.0;
    for (int64_t i = thread; i < all.counts[s]; i += kThreads) part += all.totals[s][i];
    result += all.weights[s] * block_sum(part, reduction);
  }
  if (thread == 0) *value = static_cast<T>(result);
}

}  // namespace cuda
}  // namespace topicforge
