#include "ops/product_multinomial_nll.h"

#include <tuple>

#include "ops/counts.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "product_multinomial_nll";

// Counts, theta (B, K), weight (V, K) and bias (V,).
struct Problem {
  Problem(
      Arguments& in, const Tensor& crow, const Tensor& col, const Tensor& count,
      const Tensor& theta_in, const Tensor& weight_in, const Tensor& bias_in)
      : weight(in.numbers("weight", weight_in, {kAny, kAny})),
        bias(in.numbers("bias", bias_in, {weight.size(0)})),
        counts(in, crow, col, count, weight.size(0)),
        theta(in.numbers("theta", theta_in, {counts.documents, weight.size(1)})),
        device(device_of(theta)) {
    STD_TORCH_CHECK(counts.words > 0, kOp, ": the vocabulary must not be empty");
  }

  template <class T>
  ProductProblem<T> pointers() const {
    return {counts.rows<T>(), read<T>(theta), read<T>(weight), read<T>(bias), theta.size(1)};
  }

  Tensor weight, bias;
  Counts counts;
  Tensor theta;
  Device device;
};

std::tuple<Tensor, Tensor> forward(
    const Tensor& crow, const Tensor& col, const Tensor& count, const Tensor& theta,
    const Tensor& weight, const Tensor& bias) {
  Arguments in(kOp);
  const Problem of(in, crow, col, count, theta, weight, bias);
  const Tensor nll = empty(of.theta, {of.counts.documents});
  const Tensor log_sum_exp = empty(of.theta, {of.counts.documents});
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    product_multinomial_nll_kernels<T>().forward(
        of.pointers<T>(), write<T>(nll), write<T>(log_sum_exp), of.device);
  });
  return {nll, log_sum_exp};
}

std::tuple<Tensor, Tensor, Tensor> backward(
    const Tensor& grad_in, const Tensor& crow, const Tensor& col, const Tensor& count,
    const Tensor& theta, const Tensor& weight, const Tensor& bias, const Tensor& log_sum_exp_in,
    bool want_theta, bool want_weight, bool want_bias) {
  Arguments in(kOp);
  const Problem of(in, crow, col, count, theta, weight, bias);
  const Tensor grad = in.numbers("grad", grad_in, {of.counts.documents});
  const Tensor log_sum_exp = in.numbers("log_sum_exp", log_sum_exp_in, {of.counts.documents});
  const Tensor grad_theta = empty_gradient(of.theta, want_theta);
  const Tensor grad_weight = empty_gradient(of.weight, want_weight);
  const Tensor grad_bias = empty_gradient(of.bias, want_bias);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    product_multinomial_nll_kernels<T>().backward(
        of.pointers<T>(), read<T>(grad), read<T>(log_sum_exp),
        write_if<T>(want_theta, grad_theta), write_if<T>(want_weight, grad_weight),
        write_if<T>(want_bias, grad_bias), of.device);
  });
  return {grad_theta, grad_weight, grad_bias};
}

}  // namespace

// crow (B + 1,), col (nnz,) int64 and count (nnz,). The want_* say which gradients to make; a tensor
// without elements stands for another.
TOPICFORGE_SCHEMAS(m) {
  // (nll, log_sum_exp)
  m.def(
      "product_multinomial_nll(Tensor crow, Tensor col, Tensor count, Tensor theta, "
      "Tensor weight, Tensor bias) -> (Tensor, Tensor)");
  m.def(
      "_product_multinomial_nll_backward(Tensor grad, Tensor crow, Tensor col, Tensor count, "
      "Tensor theta, Tensor weight, Tensor bias, Tensor log_sum_exp, bool want_theta, "
      "bool want_weight, bool want_bias) -> (Tensor, Tensor, Tensor)");
}

TOPICFORGE_IMPLEMENTATIONS(m) {
  m.impl("product_multinomial_nll", TORCH_BOX(&forward));
  m.impl("_product_multinomial_nll_backward", TORCH_BOX(&backward));
}

}  // namespace topicforge
