#include "cuda/launch.h"
#include "math/log_gamma_sample.h"
#include "sparse_checks.h"

namespace topicforge {
namespace cuda {
namespace {

constexpr int kLine = 128;

// The same counters as on the CPU: element e of the sample is made by thread e alone.
template <class T>
__global__ void draw(
    const T* concentration, int64_t count, int64_t K, const int64_t* seed, double* log_gamma) {
  const int64_t e = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (e >= count) return;
  log_gamma[e] = log_gamma_sample(
      static_cast<double>(concentration[e % K]), static_cast<uint64_t>(*seed),
      static_cast<uint64_t>(e));
}

// One block a row: the largest first, as on the CPU.
template <class T>
__global__ void normalise(const double* log_gamma, int64_t K, T* out) {
  __shared__ double memory[kLine];
  const double* row = log_gamma + blockIdx.x * K;
  double most = -INFINITY;
  for (int64_t k = threadIdx.x; k < K; k += kLine) most = row[k] > most ? row[k] : most;
  memory[threadIdx.x] = most;
  for (int width = kLine / 2; width > 0; width /= 2) {
    __syncthreads();
    if (threadIdx.x < width) {
      memory[threadIdx.x] = fmax(memory[threadIdx.x], memory[threadIdx.x + width]);
    }
  }
  __syncthreads();
  most = memory[0];
  __syncthreads();
  double total = 0.0;
  for (int64_t k = threadIdx.x; k < K; k += kLine) total += exp(row[k] - most);
  memory[threadIdx.x] = total;
  for (int width = kLine / 2; width > 0; width /= 2) {
    __syncthreads();
    if (threadIdx.x < width) memory[threadIdx.x] += memory[threadIdx.x + width];
  }
  __syncthreads();
  const double rest = log(memory[0]);
  for (int64_t k = threadIdx.x; k < K; k += kLine) {
    out[blockIdx.x * K + k] = static_cast<T>((row[k] - most) - rest);
  }
}

Tensor sample(const Tensor& concentration_in, int64_t n, const Tensor& seed) {
  constexpr const char* op = "sample_log_dirichlet";
  STD_TORCH_CHECK(
      concentration_in.dim() == 1 && concentration_in.size(0) > 0, op,
      ": concentration must have shape (K,), K >= 1, but has ", concentration_in.dim(),
      " dimensions and ", concentration_in.numel(), " elements");
  STD_TORCH_CHECK(n >= 0, op, ": n must not be negative, but is ", n);
  STD_TORCH_CHECK(
      seed.is_cuda() && seed.scalar_type() == ScalarType::Long && seed.numel() == 1, op,
      ": seed must be one int64 number on the device of concentration");
  const ScalarType type = check_types(op, concentration_in);
  const Launch launch(concentration_in.get_device_index());
  const Tensor concentration = row_major(concentration_in);
  const int64_t K = concentration.size(0), count = n * K;
  const Tensor out = new_matrix(concentration, n, K);
  if (count == 0) return out;
  const Buffer<double> log_gamma(concentration, count);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    draw<T><<<static_cast<unsigned>(blocks_for(count, kLine)), kLine, 0, launch.stream()>>>(
        concentration.const_data_ptr<T>(), count, K, seed.const_data_ptr<int64_t>(),
        log_gamma.get());
    check_launch();
    normalise<T><<<static_cast<unsigned>(n), kLine, 0, launch.stream()>>>(
        log_gamma.get(), K, out.mutable_data_ptr<T>());
    check_launch();
  });
  return out;
}

}  // namespace
}  // namespace cuda
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CUDA, m) {
  m.impl("sample_log_dirichlet", TORCH_BOX(&topicforge::cuda::sample));
}
