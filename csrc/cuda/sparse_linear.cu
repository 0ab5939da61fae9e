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

// The different ones of sorted numbers; waits for the device to know how many.
Tensor unique(const Tensor& sorted) {
  std::array<StableIValue, 4> stack{
      torch::stable::detail::from(sorted), torch::stable::detail::from(false),
      torch::stable::detail::from(false),
      torch::stable::detail::from(std::optional<int64_t>(std::nullopt))};
  STABLE_TORCH_ERROR_CODE_CHECK(
      torch_call_dispatcher("aten::unique_consecutive", "", stack.data(), TORCH_ABI_VERSION));
  const Tensor words = torch::stable::detail::to<Tensor>(stack[0]);
  torch::stable::detail::to<Tensor>(stack[1]);  // released here
  torch::stable::detail::to<Tensor>(stack[2]);
  return words;
}

template <class T>
void backward_rows(
    const SparseRows<T>& x, const T* grad, int64_t H, const MakeRows<T>& make,
    const Launch& launch) {
  const WordOrder order(launch, x);
  const Tensor words = unique(order.sorted());
  const int64_t count = words.size(0);
  int64_t* word;
  T* rows;
  make(count, &word, &rows);
  if (count == 0) return;
  STD_CUDA_CHECK(cudaMemcpyAsync(
      word, words.const_data_ptr<int64_t>(), sizeof(int64_t) * static_cast<size_t>(count),
      cudaMemcpyDeviceToDevice, launch.stream()));
  launch_scaled_rows<T>(launch, order.order(word), count, x.value, grad, H, nullptr, 0, rows);
}

template <class T>
constexpr SparseLinearFunctions<T> functions = {forward<T>, backward<T>, backward_rows<T>};

}  // namespace
}  // namespace cuda

using cuda::functions;
TOPICFORGE_DEFINE_KERNELS(SparseLinearFunctions, sparse_linear)

}  // namespace topicforge
