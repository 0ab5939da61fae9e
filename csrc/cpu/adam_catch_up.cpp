#include "cpu/kernels/adam_catch_up.h"

#include <cmath>
#include <limits>
#include <vector>

#include "checks.h"
#include "cpu/torch_pool.h"
#include "row_checks.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "adam_catch_up";

// What j steps leave of a moment that each multiplies by beta; 0 below what the type can hold.
template <class T>
std::vector<double> powers(double beta, int64_t steps) {
  std::vector<double> left(static_cast<size_t>(steps) + 1);
  left[0] = 1.0;
  for (size_t j = 1; j < left.size(); ++j) {
    left[j] = left[j - 1] * beta;
    if (left[j] < std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon()) left[j] = 0.0;
  }
  return left;
}

template <class T>
void run(
    const Tensor& weight, const Tensor& mean, const Tensor& square, const Tensor& since,
    const Tensor& row, const Tensor& rates, int64_t base, double beta1, double beta2, double eps,
    const AdamCatchUpFunctions<T>& functions) {
  const int64_t steps = rates.size(0);
  const double* rate = rates.const_data_ptr<double>();
  std::vector<double> size(static_cast<size_t>(steps)), root(size.size());
  for (int64_t i = 0; i < steps; ++i) {
    const double t = static_cast<double>(base + 1 + i);
    size[static_cast<size_t>(i)] = rate[i] / (1.0 - std::pow(beta1, t));
    root[static_cast<size_t>(i)] = 1.0 / std::sqrt(1.0 - std::pow(beta2, t));
  }
  const std::vector<double> left = powers<T>(beta1, steps);
  const std::vector<double> deviation = powers<T>(std::sqrt(beta2), steps);
  // A step's share of the sum falls by beta1 / sqrt(beta2) at each step.
  int64_t seen = 1;
  while (seen < steps && left[static_cast<size_t>(seen)] >
                             deviation[static_cast<size_t>(seen)] * std::numeric_limits<T>::epsilon() / 16) {
    ++seen;
  }
  functions.catch_up(
      weight.mutable_data_ptr<T>(), mean.mutable_data_ptr<T>(), square.mutable_data_ptr<T>(),
      since.mutable_data_ptr<int64_t>(), row.const_data_ptr<int64_t>(), row.size(0), weight.size(1),
      AdamSteps{base, steps, seen, size.data(), root.data(), left.data(), deviation.data(), eps},
      torch_pool());
}

void catch_up(
    Tensor weight, Tensor exp_avg, Tensor exp_avg_sq, Tensor since, Tensor row_in, Tensor rates_in,
    int64_t base, double beta1, double beta2, double eps) {
  check_written(kOp, "weight", weight, weight);
  check_written(kOp, "exp_avg", exp_avg, weight);
  check_written(kOp, "exp_avg_sq", exp_avg_sq, weight);
  check_vector(kOp, "since", since, weight.size(0));
  STD_TORCH_CHECK(
      since.scalar_type() == ScalarType::Long && since.is_contiguous(), kOp,
      ": since must be int64 and contiguous");
  check_vector(kOp, "row", row_in, row_in.size(0));
  check_vector(kOp, "rates", rates_in, rates_in.size(0));
  STD_TORCH_CHECK(rates_in.scalar_type() == ScalarType::Double, kOp, ": rates must be float64");
  STD_TORCH_CHECK(base >= 0, kOp, ": base must not be negative, but is ", base);
  const ScalarType type = check_types(kOp, weight, exp_avg, exp_avg_sq);
  const Tensor row = row_major(row_in), rates = row_major(rates_in);
  check_rising(kOp, row, weight.size(0));
  const int64_t steps = rates.size(0), rows = row.size(0);
  const int64_t *s = since.const_data_ptr<int64_t>(), *r = row.const_data_ptr<int64_t>();
  bool good = true;
  for (int64_t i = 0; i < rows; ++i) good &= s[r[i]] >= base && s[r[i]] <= base + steps;
  STD_TORCH_CHECK(
      good, kOp, ": since must be in [", base, ", ", base + steps, "] in the rows named");
  if (steps == 0 || rows == 0) return;
  if (type == ScalarType::Float) {
    run<float>(
        weight, exp_avg, exp_avg_sq, since, row, rates, base, beta1, beta2, eps,
        adam_catch_up_kernels().f32);
  } else {
    run<double>(
        weight, exp_avg, exp_avg_sq, since, row, rates, base, beta1, beta2, eps,
        adam_catch_up_kernels().f64);
  }
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("adam_catch_up", TORCH_BOX(&topicforge::catch_up));
}
