#include "cpu/kernels/lazy_adam.h"

#include <cmath>

#include "checks.h"
#include "cpu/torch_pool.h"
#include "row_checks.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "lazy_adam_rows";

void update(
    Tensor weight, Tensor exp_avg, Tensor exp_avg_sq, Tensor row_in, Tensor grad_in, double lr,
    double beta1, double beta2, double eps, double weight_decay, int64_t step) {
  check_written(kOp, "weight", weight, weight);
  check_written(kOp, "exp_avg", exp_avg, weight);
  check_written(kOp, "exp_avg_sq", exp_avg_sq, weight);
  check_matrix(kOp, "grad", grad_in);
  check_columns(kOp, "grad", grad_in, "weight", weight);
  check_vector(kOp, "row", row_in, grad_in.size(0));
  STD_TORCH_CHECK(step >= 1, kOp, ": step must be at least 1, but is ", step);
  const ScalarType type = check_types(kOp, weight, exp_avg, exp_avg_sq, grad_in);
  const Tensor row = row_major(row_in), grad = row_major(grad_in);
  const int64_t rows = row.size(0), words = weight.size(0);
  check_rising(kOp, row, words);
  const int64_t* r = row.const_data_ptr<int64_t>();
  const double t = static_cast<double>(step);
  const AdamStep numbers{
      lr / (1.0 - std::pow(beta1, t)), beta1, beta2, 1.0 / std::sqrt(1.0 - std::pow(beta2, t)),
      eps, weight_decay};
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const LazyAdamFunctions<T>* functions;
    if constexpr (sizeof(T) == sizeof(float)) {
      functions = &lazy_adam_kernels().f32;
    } else {
      functions = &lazy_adam_kernels().f64;
    }
    functions->update(
        weight.mutable_data_ptr<T>(), exp_avg.mutable_data_ptr<T>(),
        exp_avg_sq.mutable_data_ptr<T>(), r, grad.const_data_ptr<T>(), rows, weight.size(1),
        numbers, torch_pool());
  });
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("lazy_adam_rows", TORCH_BOX(&topicforge::update));
}
