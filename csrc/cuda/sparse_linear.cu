#include <tuple>

#include "cuda/sparse_door.h"

namespace topicforge {
namespace cuda {
namespace {


constexpr const char* kOp = "sparse_linear";

// out[h] = Σ_b grad[b][h], a thread a column.
template <class T>
__global__ void sum_columns(const T* grad, int64_t rows, int64_t columns, T* out) {
  const int64_t h = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (h >= columns) return;
  T sum = T(0);
  for (int64_t b = 0; b < rows; ++b) sum += grad[b * columns + h];
  out[h] = sum;
}

Tensor forward(
    const Tensor& crow_in, const Tensor& col_in, const Tensor& value_in, const Tensor& weight_in,
    const Tensor& bias_in) {
  check_rows(kOp, crow_in, col_in, value_in);
  check_matrix(kOp, "weight", weight_in);
  check_vector(kOp, "bias", bias_in, weight_in.size(1));
  const ScalarType type = check_types(kOp, weight_in, bias_in, value_in);
  const Launch launch(weight_in);
  const Tensor crow = row_major(crow_in), col = row_major(col_in), value = row_major(value_in);
  const Tensor weight = row_major(weight_in), bias = row_major(bias_in);
  const int64_t B = crow.size(0) - 1, H = weight.size(1);
  const Tensor out = new_matrix(weight, B, H);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const SparseRows<T> x = sparse_rows<T>(crow, col, value, weight.size(0));
    launch_scaled_rows<T>(
        launch, ByDocument<T>{x}, B, x.value, weight.const_data_ptr<T>(), H,
        bias.const_data_ptr<T>(), 0, out.mutable_data_ptr<T>());
  });
  return out;
}

std::tuple<Tensor, Tensor, Tensor> backward(
    const Tensor& grad_in, const Tensor& crow_in, const Tensor& col_in, const Tensor& value_in,
    const Tensor& weight_in, bool want_value, bool want_weight, bool want_bias) {
  check_rows(kOp, crow_in, col_in, value_in);
  check_matrix(kOp, "weight", weight_in);
  check_shape(kOp, "grad", grad_in, crow_in.size(0) - 1, weight_in.size(1));
  const ScalarType type = check_types(kOp, grad_in, weight_in, value_in);
  const Launch launch(weight_in);
  const Tensor crow = row_major(crow_in), col = row_major(col_in), value = row_major(value_in);
  const Tensor grad = row_major(grad_in), weight = row_major(weight_in);
  const int64_t B = crow.size(0) - 1, V = weight.size(0), H = weight.size(1);
  const Tensor grad_value = new_grad(value, want_value);
  const Tensor grad_weight = new_grad(weight, want_weight);
  const Tensor grad_bias = new_vector(weight, want_bias ? H : 0);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const SparseRows<T> x = sparse_rows<T>(crow, col, value, V);
    const T* g = grad.const_data_ptr<T>();
    if (want_value) {
      launch_dot_entries<T>(
          launch, x, document_of_entry(launch, crow, col), g, weight.const_data_ptr<T>(), H,
          grad_value.mutable_data_ptr<T>());
    }
    if (want_weight) {
      const WordOrder words(launch, crow, col);
      launch_scaled_rows<T>(
          launch, words.order(), V, x.value, g, H, nullptr, 0, grad_weight.mutable_data_ptr<T>());
    }
    if (want_bias && H > 0) {
      sum_columns<T><<<grid_for(H, kLine), kLine, 0, launch.stream()>>>(
          g, B, H, grad_bias.mutable_data_ptr<T>());
      check_launch();
    }
  });
  return {grad_value, grad_weight, grad_bias};
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
  torch::stable::detail::to<Tensor>(stack[1]);  // owned by us now, and given back
  torch::stable::detail::to<Tensor>(stack[2]);
  return words;
}

std::tuple<Tensor, Tensor> backward_rows(
    const Tensor& grad_in, const Tensor& crow_in, const Tensor& col_in, const Tensor& value_in,
    int64_t words) {
  check_rows(kOp, crow_in, col_in, value_in);
  check_matrix(kOp, "grad", grad_in);
  check_shape(kOp, "grad", grad_in, crow_in.size(0) - 1, grad_in.size(1));
  const ScalarType type = check_types(kOp, grad_in, value_in);
  const Launch launch(grad_in);
  const Tensor crow = row_major(crow_in), col = row_major(col_in), value = row_major(value_in);
  const Tensor grad = row_major(grad_in);
  const WordOrder order(launch, crow, col);
  const Tensor word = unique(order.sorted());
  const Tensor rows = new_matrix(grad, word.size(0), grad.size(1));
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const SparseRows<T> x = sparse_rows<T>(crow, col, value, words);
    launch_scaled_rows<T>(
        launch, order.order(word.const_data_ptr<int64_t>()), word.size(0), x.value,
        grad.const_data_ptr<T>(), grad.size(1), nullptr, 0, rows.mutable_data_ptr<T>());
  });
  return {word, rows};
}

}  // namespace
}  // namespace cuda
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CUDA, m) {
  m.impl("sparse_linear", TORCH_BOX(&topicforge::cuda::forward));
  m.impl("_sparse_linear_backward", TORCH_BOX(&topicforge::cuda::backward));
  m.impl("_sparse_linear_backward_rows", TORCH_BOX(&topicforge::cuda::backward_rows));
}
