#include "cpu/kernels/batch_norm_fold.h"

#include <tuple>

#include "checks.h"
#include "cpu/huge_pages.h"
#include "cpu/torch_pool.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "batch_norm_fold";

template <class T>
const BatchNormFoldFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return batch_norm_fold_kernels().f32;
  } else {
    return batch_norm_fold_kernels().f64;
  }
}

// Contiguous arguments, checked; they outlive the problem made of their pointers.
struct Arguments {
  ScalarType type;
  Tensor weight, mean, covariance, gain;
  double eps;

  Arguments(
      const Tensor& weight_in, const Tensor& mean_in, const Tensor& covariance_in,
      const Tensor& gain_in, double eps_in)
      : eps(eps_in) {
    check_matrix(kOp, "weight", weight_in);
    const int64_t K = weight_in.size(1);
    check_vector(kOp, "mean", mean_in, K);
    check_matrix(kOp, "covariance", covariance_in);
    STD_TORCH_CHECK(
        covariance_in.size(0) == K && covariance_in.size(1) == K, kOp,
        ": covariance must have shape (K, K) with K = ", K);
    check_vector(kOp, "gain", gain_in, weight_in.size(0));
    type = check_types(kOp, weight_in, mean_in, covariance_in, gain_in);
    weight = row_major(weight_in);
    mean = row_major(mean_in);
    covariance = row_major(covariance_in);
    gain = row_major(gain_in);
  }

  template <class T>
  FoldProblem<T> problem() const {
    return {
        weight.const_data_ptr<T>(), mean.const_data_ptr<T>(), covariance.const_data_ptr<T>(),
        gain.const_data_ptr<T>(), weight.size(0), weight.size(1), static_cast<T>(eps)};
  }
};

// Room for a result as large as the weight, on large pages.
Tensor as_large(const Tensor& weight) {
  const Tensor result = room(weight, {weight.size(0), weight.size(1)});
  advise_huge_pages(
      result.mutable_data_ptr(),
      static_cast<size_t>(result.numel()) * static_cast<size_t>(result.element_size()));
  return result;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> forward(
    const Tensor& weight, const Tensor& mean, const Tensor& covariance, const Tensor& gain,
    double eps) {
  const Arguments in(weight, mean, covariance, gain, eps);
  const int64_t V = weight.size(0);
  const Tensor folded = as_large(in.weight), shift = room(in.weight, {V});
  const Tensor y = room(in.weight, {V}), var = room(in.weight, {V});
  with_type(in.type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().forward(
        in.problem<T>(),
        {folded.mutable_data_ptr<T>(), shift.mutable_data_ptr<T>(), y.mutable_data_ptr<T>(),
         var.mutable_data_ptr<T>()},
        torch_pool());
  });
  return {folded, shift, y, var};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> backward(
    const Tensor& grad_in, const Tensor& grad_shift_in, const Tensor& weight, const Tensor& mean,
    const Tensor& covariance, const Tensor& gain, const Tensor& y_in, const Tensor& var_in,
    double eps) {
  const Arguments in(weight, mean, covariance, gain, eps);
  const int64_t V = weight.size(0), K = weight.size(1);
  check_matrix(kOp, "grad", grad_in);
  STD_TORCH_CHECK(
      grad_in.size(0) == V && grad_in.size(1) == K, kOp, ": grad must have the shape of weight");
  check_vector(kOp, "grad_shift", grad_shift_in, V);
  check_vector(kOp, "y", y_in, V);
  check_vector(kOp, "var", var_in, V);
  check_types(kOp, in.weight, grad_in, grad_shift_in, y_in, var_in);
  const Tensor grad = row_major(grad_in), grad_shift = row_major(grad_shift_in);
  const Tensor y = row_major(y_in), var = row_major(var_in);
  const Tensor grad_weight = as_large(in.weight), grad_mean = room(in.weight, {K});
  const Tensor grad_covariance = room(in.weight, {K, K}), grad_gain = room(in.weight, {V});
  with_type(in.type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().backward(
        in.problem<T>(), grad.const_data_ptr<T>(), grad_shift.const_data_ptr<T>(),
        y.const_data_ptr<T>(), var.const_data_ptr<T>(),
        {grad_weight.mutable_data_ptr<T>(), grad_mean.mutable_data_ptr<T>(),
         grad_covariance.mutable_data_ptr<T>(), grad_gain.mutable_data_ptr<T>()},
        torch_pool());
  });
  return {grad_weight, grad_mean, grad_covariance, grad_gain};
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("batch_norm_fold", TORCH_BOX(&topicforge::forward));
  m.impl("_batch_norm_fold_backward", TORCH_BOX(&topicforge::backward));
}
