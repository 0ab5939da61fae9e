#include "ops/sparse_linear.h"

#include "cuda/sparse_launch.h"

namespace topicforge {
namespace cuda {
namespace {

// out[h] = Σ_b grad[b][h], a thread per column.
template <class T>
__global__ void sum_columns(const T* grad, int64_t rows, int64_t columns, T* out) {
  const int64_t h = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (h >= columns) return;
  T sum = T(0);
  for (int64_t b = 0; b < rows; ++b) sum += grad[b * columns + h];
  out[h] = sum;
}

template <class T>
void forward(
    const SparseRows<T>& x, const T* weight, const T* bias, int64_t H, T* out,
    const Launch& launch) {
  launch_scaled_rows<T>(
      launch, ByDocument<T>{x}, x.documents, x.value, weight, H, bias, 0, out);
}

template <class T>
void backward(
    const SparseRows<T>& x, const T* grad, const T* weight, int64_t H, T* grad_value,
    T* grad_weight, T* grad_bias, const Launch& launch) {
  if (grad_value != nullptr) launch_dot_entries<T>(launch, x, grad, weight, H, grad_value);
  if (grad_weight != nullptr) {
    const WordOrder words(launch, x);
    launch_scaled_rows<T>(
        launch, words.order(), x.words, x.value, grad, H, nullptr, 0, grad_weight);
  }
  if (grad_bias != nullptr && H > 0) {
    sum_columns<T><<<grid_for(H, kLine), kLine, 0, launch.stream()>>>(
        grad, x.documents, H, grad_bias);
    check_launch();
  }
}

template <class T>
constexpr SparseLinearFunctions<T> functions = {forward<T>, backward<T>};

}  // namespace
}  // namespace cuda

using cuda::functions;
TOPICFORGE_DEFINE_KERNELS(SparseLinearFunctions, sparse_linear)

}  // namespace topicforge
