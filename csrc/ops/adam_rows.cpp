#include "ops/adam_rows.h"

#include <cmath>
#include <limits>
#include <vector>

#include "ops/device.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "adam_rows";

// factor^0 ... factor^steps; 0 below what the type can hold.
template <class T>
std::vector<double> powers(double factor, int64_t steps) {
  std::vector<double> left(static_cast<size_t>(steps) + 1);
  left[0] = 1.0;
  for (size_t j = 1; j < left.size(); ++j) {
    left[j] = left[j - 1] * factor;
    if (left[j] < std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon()) left[j] = 0.0;
  }
  return left;
}

void adam_rows(
    Tensor weight, Tensor exp_avg, Tensor exp_avg_sq, Tensor since, const Tensor& row_in,
    const Tensor& grad_in, const Tensor& rates, int64_t base, double beta1, double beta2, double eps,
    double weight_decay) {
  Arguments in(kOp);
  in.check_numbers("weight", weight, {kAny, kAny});
  const int64_t V = weight.size(0), H = weight.size(1);
  in.check_numbers("exp_avg", exp_avg, {V, H});
  in.check_numbers("exp_avg_sq", exp_avg_sq, {V, H});
  in.integers("since", since, {V});
  for (const Tensor* x : {&weight, &exp_avg, &exp_avg_sq, &since}) {
    STD_TORCH_CHECK(x->is_contiguous(), kOp, ": what is written must be contiguous");
  }
  const Tensor row = in.integers("row", row_in, {kAny});
  const int64_t R = row.size(0);
  const bool has_grad = grad_in.numel() > 0;
  const Tensor grad = has_grad ? in.numbers("grad", grad_in, {R, H}) : grad_in;
  STD_TORCH_CHECK(
      rates.dim() == 1 && rates.scalar_type() == ScalarType::Double && rates.is_contiguous() &&
          !rates.is_cuda() && base >= 0,
      kOp, ": rates must be float64, contiguous and on the CPU, and base at least 0");
  const int64_t steps = rates.size(0), most = base + steps - (has_grad ? 1 : 0);
  const int64_t *s = read<int64_t>(since), *r = read<int64_t>(row);
  bool good = true;
  for (int64_t i = 0; i < R && good; ++i) {
    good = r[i] > (i == 0 ? -1 : r[i - 1]) && r[i] < V && s[r[i]] >= base && s[r[i]] <= most;
  }
  STD_TORCH_CHECK(
      good, kOp, ": row must rise within [0, ", V, "), and since be in [", base, ", ", most, "] there");
  if (steps == 0 || R == 0 || H == 0) return;
  const double* rate = read<double>(rates);
  std::vector<double> size(static_cast<size_t>(steps)), root(size.size());
  for (size_t i = 0; i < size.size(); ++i) {
    const double t = static_cast<double>(base + 1) + static_cast<double>(i);
    size[i] = rate[i] / (1.0 - std::pow(beta1, t));
    root[i] = 1.0 / std::sqrt(1.0 - std::pow(beta2, t));
  }
  const Device& device = device_of(weight);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    const std::vector<double> mean = powers<T>(beta1, steps);
    const std::vector<double> deviation = powers<T>(std::sqrt(beta2), steps);
    size_t seen = 1;
    while (seen < size.size() &&
           mean[seen] > deviation[seen] * std::numeric_limits<T>::epsilon() / 16) {
      ++seen;
    }
    adam_rows_kernels<T>().step(
        write<T>(weight), write<T>(exp_avg), write<T>(exp_avg_sq), write<int64_t>(since), r, R, H,
        has_grad ? read<T>(grad) : nullptr,
        {base, steps, static_cast<int64_t>(seen), size.data(), root.data(), mean.data(),
         deviation.data(), beta1, beta2, eps, weight_decay},
        device);
  });
}

}  // namespace

// weight, exp_avg and exp_avg_sq (V, H), since (V,), row (R,), grad (R, H) or without elements, rates (T,).
TOPICFORGE_SCHEMAS(m) {
  m.def(
      "adam_rows(Tensor(a!) weight, Tensor(b!) exp_avg, Tensor(c!) exp_avg_sq, Tensor(d!) since, "
      "Tensor row, Tensor grad, Tensor rates, int base, float beta1, float beta2, float eps, "
      "float weight_decay) -> ()");
}

TOPICFORGE_IMPLEMENTATIONS(m) { m.impl("adam_rows", TORCH_BOX(&adam_rows)); }

}  // namespace topicforge
