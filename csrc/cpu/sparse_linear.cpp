#include "cpu/kernels/sparse_linear.h"

#include <tuple>

#include "cpu/sparse_door.h"
#include "cpu/torch_pool.h"

namespace topicforge {
namespace {


constexpr const char* kOp = "sparse_linear";

template <class T>
const SparseLinearFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return sparse_linear_kernels().f32;
  } else {
    return sparse_linear_kernels().f64;
  }
}

Tensor forward(
    const Tensor& crow_in, const Tensor& col_in, const Tensor& value_in, const Tensor& weight_in,
    const Tensor& bias_in) {
  check_rows(kOp, crow_in, col_in, value_in);
  check_matrix(kOp, "weight", weight_in);
  check_vector(kOp, "bias", bias_in, weight_in.size(1));
  const ScalarType type = check_types(kOp, weight_in, bias_in, value_in);
  const Tensor crow = row_major(crow_in), col = row_major(col_in), value = row_major(value_in);
  const Tensor weight = row_major(weight_in), bias = row_major(bias_in);
  const Tensor out = new_matrix(weight, crow.size(0) - 1, weight.size(1));
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().forward(
        sparse_rows<T>(kOp, crow, col, value, weight.size(0)), weight.const_data_ptr<T>(),
        bias.const_data_ptr<T>(), weight.size(1), out.mutable_data_ptr<T>(), torch_pool());
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
  const Tensor crow = row_major(crow_in), col = row_major(col_in), value = row_major(value_in);
  const Tensor grad = row_major(grad_in), weight = row_major(weight_in);
  const Tensor grad_value = new_grad(value, want_value);
  const Tensor grad_weight = new_grad(weight, want_weight);
  const Tensor grad_bias = new_vector(weight, want_bias ? weight.size(1) : 0);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().backward(
        sparse_rows<T>(kOp, crow, col, value, weight.size(0)), grad.const_data_ptr<T>(),
        weight.const_data_ptr<T>(), weight.size(1), data_if<T>(grad_value, want_value),
        data_if<T>(grad_weight, want_weight), data_if<T>(grad_bias, want_bias), torch_pool());
  });
  return {grad_value, grad_weight, grad_bias};
}

std::tuple<Tensor, Tensor> backward_rows(
    const Tensor& grad_in, const Tensor& crow_in, const Tensor& col_in, const Tensor& value_in,
    int64_t words) {
  check_rows(kOp, crow_in, col_in, value_in);
  check_matrix(kOp, "grad", grad_in);
  check_shape(kOp, "grad", grad_in, crow_in.size(0) - 1, grad_in.size(1));
  STD_TORCH_CHECK(words >= 0, kOp, ": the vocabulary size must not be negative");
  const ScalarType type = check_types(kOp, grad_in, value_in);
  const Tensor crow = row_major(crow_in), col = row_major(col_in), value = row_major(value_in);
  const Tensor grad = row_major(grad_in);
  Tensor word = new_vector(col, 0), rows = new_matrix(grad, 0, grad.size(1));
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const SparseRows<T> x = sparse_rows<T>(kOp, crow, col, value, words);
    const Pool pool = torch_pool();
    const T* g = grad.const_data_ptr<T>();
    const int64_t H = grad.size(1);
    const int64_t count = functions<T>().count_touched(x, pool);
    word = new_vector(col, count);
    rows = new_matrix(grad, count, H);
    advise_huge_pages(rows);
    functions<T>().touched(
        x, g, H, word.mutable_data_ptr<int64_t>(), rows.mutable_data_ptr<T>(), pool);
  });
  return {word, rows};
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("sparse_linear", TORCH_BOX(&topicforge::forward));
  m.impl("_sparse_linear_backward", TORCH_BOX(&topicforge::backward));
  m.impl("_sparse_linear_backward_rows", TORCH_BOX(&topicforge::backward_rows));
}
