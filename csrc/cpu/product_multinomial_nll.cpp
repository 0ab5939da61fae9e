#include <tuple>

#include "cpu/kernels/product_multinomial.h"
#include "cpu/sparse_door.h"
#include "cpu/torch_pool.h"

namespace topicforge {
namespace {


constexpr const char* kOp = "product_multinomial_nll";

template <class T>
const ProductMultinomialFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return product_multinomial_kernels().f32;
  } else {
    return product_multinomial_kernels().f64;
  }
}

// Contiguous arguments, checked; they outlive the problem made of their pointers.
struct Arguments {
  ScalarType type;
  Tensor crow, col, count, theta, weight, bias;

  Arguments(
      const Tensor& crow_in, const Tensor& col_in, const Tensor& count_in, const Tensor& theta_in,
      const Tensor& weight_in, const Tensor& bias_in) {
    check_rows(kOp, crow_in, col_in, count_in);
    check_matrix(kOp, "weight", weight_in);
    STD_TORCH_CHECK(weight_in.size(0) > 0, kOp, ": weight must have a row a word, but has none");
    check_vector(kOp, "bias", bias_in, weight_in.size(0));
    check_shape(kOp, "theta", theta_in, crow_in.size(0) - 1, weight_in.size(1));
    type = check_types(kOp, theta_in, weight_in, bias_in, count_in);
    crow = row_major(crow_in);
    col = row_major(col_in);
    count = row_major(count_in);
    theta = row_major(theta_in);
    weight = row_major(weight_in);
    bias = row_major(bias_in);
  }

  template <class T>
  ProductProblem<T> problem() const {
    return {
        sparse_rows<T>(kOp, crow, col, count, weight.size(0)), theta.const_data_ptr<T>(),
        weight.const_data_ptr<T>(), bias.const_data_ptr<T>(), theta.size(1)};
  }
};

std::tuple<Tensor, Tensor> forward(
    const Tensor& crow, const Tensor& col, const Tensor& count, const Tensor& theta,
    const Tensor& weight, const Tensor& bias) {
  const Arguments in(crow, col, count, theta, weight, bias);
  const Tensor nll = new_vector(in.theta, theta.size(0));
  const Tensor log_sum_exp = new_vector(in.theta, theta.size(0));
  with_type(in.type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().forward(
        in.problem<T>(), nll.mutable_data_ptr<T>(), log_sum_exp.mutable_data_ptr<T>(),
        torch_pool());
  });
  return {nll, log_sum_exp};
}

std::tuple<Tensor, Tensor, Tensor> backward(
    const Tensor& grad_in, const Tensor& crow, const Tensor& col, const Tensor& count,
    const Tensor& theta, const Tensor& weight, const Tensor& bias, const Tensor& log_sum_exp_in,
    bool want_theta, bool want_weight, bool want_bias) {
  const Arguments in(crow, col, count, theta, weight, bias);
  check_types(kOp, theta, grad_in, log_sum_exp_in);
  check_vector(kOp, "grad", grad_in, theta.size(0));
  check_vector(kOp, "log_sum_exp", log_sum_exp_in, theta.size(0));
  const Tensor grad = row_major(grad_in), log_sum_exp = row_major(log_sum_exp_in);
  const Tensor grad_theta = new_grad(in.theta, want_theta);
  const Tensor grad_weight = new_grad(in.weight, want_weight);
  const Tensor grad_bias = new_grad(in.bias, want_bias);
  with_type(in.type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().backward(
        in.problem<T>(), grad.const_data_ptr<T>(), log_sum_exp.const_data_ptr<T>(),
        data_if<T>(grad_theta, want_theta), data_if<T>(grad_weight, want_weight),
        data_if<T>(grad_bias, want_bias), torch_pool());
  });
  return {grad_theta, grad_weight, grad_bias};
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("product_multinomial_nll", TORCH_BOX(&topicforge::forward));
  m.impl("_product_multinomial_nll_backward", TORCH_BOX(&topicforge::backward));
}
