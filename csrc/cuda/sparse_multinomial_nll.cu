#include "ops/sparse_multinomial_nll.h"

#include "cuda/sparse_launch.h"

namespace topicforge {
namespace cuda {
namespace {

// The floor of probabilities, the smallest normal number: where it is met the gradient is zero.
template <class T>
__device__ constexpr T floor_of() {
  return sizeof(T) == 4 ? T(1.17549435e-38) : T(2.2250738585072014e-308);
}

// nll_b = -Σ_i x_i log max(p_i, floor); a warp per document.
template <class T>
__global__ void sum_logs(ByDocument<T> order, const T* p, T* nll) {
  const int64_t b = warp_number();
  if (b >= order.x.documents) return;
  const int lane = threadIdx.x % kWarp;
  T sum = T(0);
  const int64_t end = order.end(b);
  for (int64_t i = order.begin(b) + lane; i < end; i += kWarp) {
    const T probability = p[i] <= floor_of<T>() ? floor_of<T>() : p[i];
    sum -= order.x.value[i] * log(probability);
  }
  sum = warp_sum(sum);
  if (lane == 0) nll[b] = sum;
}

// slope_i = -grad_b x_i / p_i.
template <class T>
__global__ void slopes(
    SparseRows<T> x, const int64_t* document, const T* grad, const T* p, T* slope) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i >= x.entries) return;
  slope[i] = p[i] <= floor_of<T>() ? T(0) : -(grad[document[i]] * x.value[i]) / p[i];
}

template <class T>
void forward(
    const SparseRows<T>& x, const T* theta, const T* beta, int64_t K, T* p, T* nll,
    const Launch& launch) {
  launch_dot_entries<T>(launch, x, theta, beta, K, p);
  if (x.documents == 0) return;
  sum_logs<T><<<grid_for(x.documents * kWarp, kLine), kLine, 0, launch.stream()>>>(
      ByDocument<T>{x}, p, nll);
  check_launch();
}

template <class T>
void backward(
    const SparseRows<T>& x, const T* grad, const T* p, const T* theta, const T* beta, int64_t K,
    T* grad_theta, T* grad_beta, const Launch& launch) {
  const Buffer<T> slope(launch, x.entries);
  if (x.entries > 0) {
    const Buffer<int64_t> document = document_of_entry(launch, x);
    slopes<T><<<grid_for(x.entries, kLine), kLine, 0, launch.stream()>>>(
        x, document.get(), grad, p, slope.get());
    check_launch();
  }
  if (grad_theta != nullptr) {
    launch_scaled_rows<T>(
        launch, ByDocument<T>{x}, x.documents, slope.get(), beta, K, nullptr, 0, grad_theta);
  }
  if (grad_beta != nullptr) {
    const WordOrder words(launch, x);
    launch_scaled_rows<T>(
        launch, words.order(), x.words, slope.get(), theta, K, nullptr, 0, grad_beta);
  }
}

template <class T>
constexpr SparseMultinomialFunctions<T> functions = {forward<T>, backward<T>};

}  // namespace
}  // namespace cuda

using cuda::functions;
TOPICFORGE_DEFINE_KERNELS(SparseMultinomialFunctions, sparse_multinomial_nll)

}  // namespace topicforge
