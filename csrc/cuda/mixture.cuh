// Device code of the mixture operators. Points come in chunks of fixed size; a chunk's weights
// (points, components) are in memory, the (points, components, dimensions) never are.
#pragma once

#include "cuda/tiles.cuh"

namespace topicforge {
namespace cuda {

__device__ inline float mixture_exp(float x) { return expf(x); }
__device__ inline double mixture_exp(double x) { return exp(x); }
__device__ inline float mixture_log(float x) { return logf(x); }
__device__ inline double mixture_log(double x) { return log(x); }

constexpr double kLog2Pi = 1.8378770664093453;

template <class T>
struct Components {
  const T* loc;          // (C, L)
  const T* log_var;      // (C, var_columns)
  const T* log_weight;   // (C,) or null
  int64_t C, L, var_columns;
  T* precision;          // (C, L), made by `prepare`
  T* log_norm;           // (C,), likewise: -½ Σ_l (log sigma² + log 2π)
};

template <class T>
__global__ void prepare(const Components<T> mix) {
  const int64_t c = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= mix.C) return;
  double total = 0.0;
  for (int64_t l = 0; l < mix.L; ++l) {
    const T log_var = mix.log_var[c * mix.var_columns + (mix.var_columns == 1 ? 0 : l)];
    mix.precision[c * mix.L + l] = mixture_exp(-log_var);
    total += static_cast<double>(log_var) + kLog2Pi;
  }
  mix.log_norm[c] = static_cast<T>(-0.5 * total);
}

// out[b, c] = Σ_l [(x_bl - mu_cl)² + exp(log_variance_bl)] / sigma²_cl; log_variance may be null.
template <class T>
__global__ void distances(
    const Components<T> mix, const T* x, const T* log_variance, int64_t B, T* out) {
  constexpr int M = kMicro<T>, tile = kTile<T>;
  __shared__ T points[kDepth][tile + 1], variances[kDepth][tile + 1];
  __shared__ T means[kDepth][tile + 1], precisions[kDepth][tile + 1];
  const int ty = threadIdx.y, tx = threadIdx.x;
  const int64_t b0 = int64_t(blockIdx.x) * tile, c0 = int64_t(blockIdx.y) * tile;
  T sums[M][M] = {};
  for (int64_t l = 0; l < mix.L; l += kDepth) {
    load_transposed<T>(x, b0, B, mix.L, l, mix.L, points);
    if (log_variance != nullptr) {
      load_transposed<T>(log_variance, b0, B, mix.L, l, mix.L, variances);
    }
    load_transposed<T>(mix.loc, c0, mix.C, mix.L, l, mix.L, means);
    // Beyond the last dimension the precision is 0 and nothing is added.
    load_transposed<T>(mix.precision, c0, mix.C, mix.L, l, mix.L, precisions);
    __syncthreads();
    for (int d = 0; d < kDepth; ++d) {
      for (int r = 0; r < M; ++r) {
        const int b = ty + kSide * r;
        const T variance = log_variance == nullptr ? T(0) : mixture_exp(variances[d][b]);
        for (int s = 0; s < M; ++s) {
          const int c = tx + kSide * s;
          const T difference = points[d][b] - means[d][c];
          sums[r][s] += (difference * difference + variance) * precisions[d][c];
        }
      }
    }
    __syncthreads();
  }
  for (int r = 0; r < M; ++r) {
    for (int s = 0; s < M; ++s) {
      const int64_t b = b0 + ty + kSide * r, c = c0 + tx + kSide * s;
      if (b < B && c < mix.C) out[b * mix.C + c] = sums[r][s];
    }
  }
}

__device__ inline double block_max(double x, double* memory) {
  const int thread = threadIdx.y * kSide + threadIdx.x;
  __syncthreads();
  memory[thread] = x;
  __syncthreads();
  for (int width = kThreads / 2; width > 0; width /= 2) {
    if (thread < width && memory[thread + width] > memory[thread]) {
      memory[thread] = memory[thread + width];
    }
    __syncthreads();
  }
  return memory[0];
}

template <class T>
__device__ T joint(const Components<T>& mix, int64_t c, T distance) {
  return mix.log_norm[c] + mix.log_weight[c] - T(0.5) * distance;
}

// A block per row: log p(z), and where they are not null: the responsibilities, the mean of
// ½ (far - near), and the bound.
template <class T>
__global__ void rows_forward(
    const Components<T> mix, const T* near, const T* far, const T* posterior_log_var,
    T* log_prob, T* shares, T* gap, T* bound) {
  __shared__ double reduction[kThreads];
  const int thread = threadIdx.y * kSide + threadIdx.x;
  const int64_t b = blockIdx.x, row = b * mix.C;
  double top = -INFINITY;
  for (int64_t c = thread; c < mix.C; c += kThreads) {
    const double x = joint(mix, c, near[row + c]);
    top = x > top ? x : top;
  }
  top = block_max(top, reduction);
  const double shift = top == -INFINITY ? 0.0 : top;
  double total = 0.0, weighted = 0.0;
  for (int64_t c = thread; c < mix.C; c += kThreads) {
    const double e = mixture_exp(static_cast<T>(joint(mix, c, near[row + c]) - shift));
    total += e;
    if (far != nullptr) weighted += e * 0.5 * (double(far[row + c]) - double(near[row + c]));
  }
  total = block_sum(total, reduction);
  if (far != nullptr) weighted = block_sum(weighted, reduction);
  const double value = shift + log(total);
  if (shares != nullptr) {
    for (int64_t c = thread; c < mix.C; c += kThreads) {
      const double e = mixture_exp(static_cast<T>(joint(mix, c, near[row + c]) - shift));
      shares[row + c] = static_cast<T>(e / total);
    }
  }
  if (thread != 0) return;
  if (log_prob != nullptr) log_prob[b] = static_cast<T>(value);
  if (far != nullptr) {
    double entropy = 0.0;
    for (int64_t l = 0; l < mix.L; ++l) entropy += 1.0 + double(posterior_log_var[b * mix.L + l]);
    gap[b] = static_cast<T>(weighted / total);
    bound[b] = static_cast<T>(
        weighted / total - 0.5 * kLog2Pi * double(mix.L) - value - 0.5 * entropy);
  }
}

// near <- grad_b q(c | z_b), the weights of the gradient of log p(z).
template <class T>
__global__ void log_prob_weights(
    const Components<T> mix, int64_t B, const T* grad, const T* log_prob, T* near) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= B * mix.C) return;
  const int64_t b = i / mix.C, c = i % mix.C;
  near[i] = grad[b] * mixture_exp(joint(mix, c, near[i]) - log_prob[b]);
}

// A block per row: weights = r (g - Σ r g).
template <class T>
__global__ void share_weights(int64_t C, const T* grad, const T* shares, T* weights) {
  __shared__ double reduction[kThreads];
  const int thread = threadIdx.y * kSide + threadIdx.x;
  const int64_t row = int64_t(blockIdx.x) * C;
  double mean = 0.0;
  for (int64_t c = thread; c < C; c += kThreads) mean += double(shares[row + c] * grad[row + c]);
  mean = block_sum(mean, reduction);
  for (int64_t c = thread; c < C; c += kThreads) {
    weights[row + c] = shares[row + c] * (grad[row + c] - static_cast<T>(mean));
  }
}

// near <- weights of z, far <- weights of the posterior's mean and variance.
template <class T>
__global__ void bound_weights(
    const Components<T> mix, int64_t B, const T* grad_bound, const T* grad_log_prob,
    const T* grad_gap, const T* log_prob, const T* gap, T* near, T* far) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= B * mix.C) return;
  const int64_t b = i / mix.C, c = i % mix.C;
  const T eta = mixture_exp(joint(mix, c, near[i]) - log_prob[b]);
  const T g = grad_bound[b] + grad_gap[b];
  const T excess = T(0.5) * (far[i] - near[i]) - gap[b];
  near[i] = eta * (g * excess + grad_log_prob[b] + grad_gap[b]);
  far[i] = -g * eta;
}

// grad_x[b, l] = -Σ_c w_bc (x_bl - mu_cl) / sigma²_cl, and where log_variance is not null
// grad_log_variance[b, l] = -½ (exp(log_variance) Σ_c w_bc / sigma²_cl + grad_bound_b).
template <class T>
__global__ void points_gradient(
    const Components<T> mix, const T* weights, const T* x, int64_t B, T* grad_x,
    const T* log_variance, const T* grad_bound, T* grad_log_variance) {
  constexpr int M = kMicro<T>, tile = kTile<T>;
  __shared__ T w[kDepth][tile + 1], means[kDepth][tile + 1], precisions[kDepth][tile + 1];
  const int ty = threadIdx.y, tx = threadIdx.x;
  const int64_t b0 = int64_t(blockIdx.x) * tile, l0 = int64_t(blockIdx.y) * tile;
  T own[M][M], sums[M][M] = {}, precision_sums[M][M] = {};
  for (int r = 0; r < M; ++r) {
    for (int s = 0; s < M; ++s) {
      const int64_t b = b0 + ty + kSide * r, l = l0 + tx + kSide * s;
      own[r][s] = b < B && l < mix.L ? x[b * mix.L + l] : T(0);
    }
  }
  for (int64_t c = 0; c < mix.C; c += kDepth) {
    load_transposed<T>(weights, b0, B, mix.C, c, mix.C, w);
    load_straight<T>(mix.loc, c, mix.C, mix.L, l0, mix.L, means);
    load_straight<T>(mix.precision, c, mix.C, mix.L, l0, mix.L, precisions);
    __syncthreads();
    for (int d = 0; d < kDepth; ++d) {
      for (int r = 0; r < M; ++r) {
        for (int s = 0; s < M; ++s) {
          const T scaled = w[d][ty + kSide * r] * precisions[d][tx + kSide * s];
          sums[r][s] += scaled * (own[r][s] - means[d][tx + kSide * s]);
          precision_sums[r][s] += scaled;
        }
      }
    }
    __syncthreads();
  }
  for (int r = 0; r < M; ++r) {
    for (int s = 0; s < M; ++s) {
      const int64_t b = b0 + ty + kSide * r, l = l0 + tx + kSide * s;
      if (b >= B || l >= mix.L) continue;
      grad_x[b * mix.L + l] = -sums[r][s];
      if (log_variance != nullptr) {
        const T variance = mixture_exp(log_variance[b * mix.L + l]);
        grad_log_variance[b * mix.L + l] =
            T(-0.5) * (variance * precision_sums[r][s] + grad_bound[b]);
      }
    }
  }
}

template <class T>
struct MomentSums {
  T *zeroth, *first, *second;  // [segment][C], [segment][C][L] twice; added to
};

// Block (components, dimensions, segment of the points): Σ w (x - mu), Σ w [(x - mu)² + variance].
template <class T>
__global__ void add_moments(
    const Components<T> mix, const T* weights, const T* x, const T* log_variance, int64_t B,
    const MomentSums<T> out) {
  constexpr int M = kMicro<T>, tile = kTile<T>;
  __shared__ T w[kDepth][tile + 1], points[kDepth][tile + 1], variances[kDepth][tile + 1];
  const int ty = threadIdx.y, tx = threadIdx.x;
  const int64_t c0 = int64_t(blockIdx.x) * tile, l0 = int64_t(blockIdx.y) * tile;
  const int64_t begin = B * blockIdx.z / gridDim.z, end = B * (blockIdx.z + 1) / gridDim.z;
  T mean[M][M], one[M][M] = {}, two[M][M] = {}, zero[M] = {};
  for (int r = 0; r < M; ++r) {
    for (int s = 0; s < M; ++s) {
      const int64_t c = c0 + ty + kSide * r, l = l0 + tx + kSide * s;
      mean[r][s] = c < mix.C && l < mix.L ? mix.loc[c * mix.L + l] : T(0);
    }
  }
  for (int64_t b = begin; b < end; b += kDepth) {
    load_straight<T>(weights, b, end, mix.C, c0, mix.C, w);
    load_straight<T>(x, b, end, mix.L, l0, mix.L, points);
    if (log_variance != nullptr) {
      load_straight<T>(log_variance, b, end, mix.L, l0, mix.L, variances);
    }
    __syncthreads();
    for (int d = 0; d < kDepth; ++d) {
      for (int r = 0; r < M; ++r) {
        const T weight = w[d][ty + kSide * r];
        zero[r] += weight;
        for (int s = 0; s < M; ++s) {
          const int l = tx + kSide * s;
          const T difference = points[d][l] - mean[r][s];
          const T variance = log_variance == nullptr ? T(0) : mixture_exp(variances[d][l]);
          one[r][s] += weight * difference;
          two[r][s] += weight * (difference * difference + variance);
        }
      }
    }
    __syncthreads();
  }
  const int64_t segment = blockIdx.z;
  for (int r = 0; r < M; ++r) {
    const int64_t c = c0 + ty + kSide * r;
    if (c >= mix.C) continue;
    if (l0 == 0 && tx == 0) out.zeroth[segment * mix.C + c] += zero[r];
    for (int s = 0; s < M; ++s) {
      const int64_t l = l0 + tx + kSide * s;
      if (l >= mix.L) continue;
      out.first[(segment * mix.C + c) * mix.L + l] += one[r][s];
      out.second[(segment * mix.C + c) * mix.L + l] += two[r][s];
    }
  }
}

// A thread per component: d mu = M1 / sigma², d log sigma² = ½ (M2 / sigma² - M0), d log pi = M0.
template <class T>
__global__ void finish_moments(
    const Components<T> mix, const MomentSums<T> sums, int64_t segments, T* grad_loc,
    T* grad_log_var, T* grad_log_weight) {
  const int64_t c = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= mix.C) return;
  T zero = T(0), total = T(0);
  for (int64_t s = 0; s < segments; ++s) zero += sums.zeroth[s * mix.C + c];
  grad_log_weight[c] = zero;
  for (int64_t l = 0; l < mix.L; ++l) {
    T one = T(0), two = T(0);
    for (int64_t s = 0; s < segments; ++s) {
      one += sums.first[(s * mix.C + c) * mix.L + l];
      two += sums.second[(s * mix.C + c) * mix.L + l];
    }
    const T precision = mix.precision[c * mix.L + l];
    grad_loc[c * mix.L + l] = precision * one;
    const T grad = T(0.5) * (precision * two - zero);
    if (mix.var_columns == 1) {
      total += grad;
    } else {
      grad_log_var[c * mix.L + l] = grad;
    }
  }
  if (mix.var_columns == 1) grad_log_var[c] = total;
}

}  // namespace cuda
}  // namespace topicforge
