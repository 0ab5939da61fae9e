#include "cpu/kernels/diffusion.h"

#include <array>
#include <tuple>

#include "checks.h"
#include "cpu/torch_pool.h"

namespace topicforge {
namespace {


template <class T>
const DiffusionFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return diffusion_kernels().f32;
  } else {
    return diffusion_kernels().f64;
  }
}

ScalarType check(const char* op, const Tensor& log_q, const Tensor& log_p, double t) {
  check_matrix(op, "log_q", log_q);
  check_matrix(op, "log_p", log_p);
  check_columns(op, "log_q", log_q, "log_p", log_p);
  STD_TORCH_CHECK(t > 0.0, op, ": t must be positive, but is ", t);
  return check_types(op, log_q, log_p);
}

template <class T>
DiffusionProblem<T> problem(const Tensor& log_q, const Tensor& log_p, double t) {
  return {
      log_q.const_data_ptr<T>(), log_p.const_data_ptr<T>(), log_q.size(0), log_p.size(0),
      log_q.size(1), t};
}

Tensor empty_grad(const Tensor& x, bool wanted) {
  if (wanted) return room(x, x.sizes());
  const std::array<int64_t, 1> none{0};
  return room(x, {none.data(), none.size()});
}

std::tuple<Tensor, Tensor, Tensor> mmd_grad(
    const Tensor& log_q_in, const Tensor& log_p_in, double t, bool unbiased, bool want_q,
    bool want_p) {
  const ScalarType type = check("diffusion_mmd", log_q_in, log_p_in, t);
  const int64_t least = unbiased ? 2 : 1;
  STD_TORCH_CHECK(
      log_q_in.size(0) >= least && log_p_in.size(0) >= least,
      "diffusion_mmd: each sample needs at least ", least, " rows, but they have ",
      log_q_in.size(0), " and ", log_p_in.size(0));
  const Tensor log_q = row_major(log_q_in), log_p = row_major(log_p_in);
  Tensor value = room(log_q, {});
  Tensor grad_q = empty_grad(log_q, want_q), grad_p = empty_grad(log_p, want_p);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    *value.mutable_data_ptr<T>() = static_cast<T>(functions<T>().mmd(
        problem<T>(log_q, log_p, t), unbiased, want_q ? grad_q.mutable_data_ptr<T>() : nullptr,
        want_p ? grad_p.mutable_data_ptr<T>() : nullptr, torch_pool()));
  });
  return {value, grad_q, grad_p};
}

Tensor mmd(const Tensor& log_q, const Tensor& log_p, double t, bool unbiased) {
  return std::get<0>(mmd_grad(log_q, log_p, t, unbiased, false, false));
}

Tensor matrix(const Tensor& log_q_in, const Tensor& log_p_in, double t) {
  const ScalarType type = check("diffusion_kernel", log_q_in, log_p_in, t);
  const Tensor log_q = row_major(log_q_in), log_p = row_major(log_p_in);
  const std::array<int64_t, 2> shape{log_q.size(0), log_p.size(0)};
  Tensor out = room(log_q, {shape.data(), shape.size()});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().matrix(problem<T>(log_q, log_p, t), out.mutable_data_ptr<T>(), torch_pool());
  });
  return out;
}

std::tuple<Tensor, Tensor> matrix_backward(
    const Tensor& grad_in, const Tensor& log_q_in, const Tensor& log_p_in, double t, bool want_q,
    bool want_p) {
  const ScalarType type = check("diffusion_kernel", log_q_in, log_p_in, t);
  check_types("diffusion_kernel", log_q_in, grad_in);
  check_matrix("diffusion_kernel", "grad", grad_in);
  STD_TORCH_CHECK(
      grad_in.size(0) == log_q_in.size(0) && grad_in.size(1) == log_p_in.size(0),
      "diffusion_kernel: grad must have shape (", log_q_in.size(0), ", ", log_p_in.size(0),
      "), but has (", grad_in.size(0), ", ", grad_in.size(1), ")");
  const Tensor grad = row_major(grad_in);
  const Tensor log_q = row_major(log_q_in), log_p = row_major(log_p_in);
  Tensor grad_q = empty_grad(log_q, want_q), grad_p = empty_grad(log_p, want_p);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().backward(
        problem<T>(log_q, log_p, t), grad.const_data_ptr<T>(),
        want_q ? grad_q.mutable_data_ptr<T>() : nullptr,
        want_p ? grad_p.mutable_data_ptr<T>() : nullptr, torch_pool());
  });
  return {grad_q, grad_p};
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("diffusion_mmd", TORCH_BOX(&topicforge::mmd));
  m.impl("_diffusion_mmd_grad", TORCH_BOX(&topicforge::mmd_grad));
  m.impl("diffusion_kernel", TORCH_BOX(&topicforge::matrix));
  m.impl("_diffusion_kernel_backward", TORCH_BOX(&topicforge::matrix_backward));
}
