#include "ops/diffusion.h"

#include <tuple>

#include "ops/device.h"

namespace topicforge {
namespace {

// Two samples of log-probabilities, (n, K) and (m, K).
struct Samples {
  Samples(Arguments& in, const Tensor& log_q_in, const Tensor& log_p_in, double t)
      : log_q(in.numbers("log_q", log_q_in, {kAny, kAny})),
        log_p(in.numbers("log_p", log_p_in, {kAny, log_q.size(1)})),
        n(log_q.size(0)),
        m(log_p.size(0)),
        t(t),
        device(device_of(log_q)) {
    STD_TORCH_CHECK(t > 0.0, in.op(), ": t must be positive, but is ", t);
  }

  template <class T>
  DiffusionProblem<T> problem() const {
    return {read<T>(log_q), read<T>(log_p), n, m, log_q.size(1), t};
  }

  Tensor log_q, log_p;
  int64_t n, m;
  double t;
  Device device;
};

std::tuple<Tensor, Tensor, Tensor> mmd_grad(
    const Tensor& log_q, const Tensor& log_p, double t, bool unbiased, bool want_q, bool want_p) {
  Arguments in("diffusion_mmd");
  const Samples of(in, log_q, log_p, t);
  const int64_t least = unbiased ? 2 : 1;
  STD_TORCH_CHECK(
      of.n >= least && of.m >= least, "diffusion_mmd: each sample needs at least ", least,
      " rows, but they have ", of.n, " and ", of.m);
  const Tensor value = empty(of.log_q, {});
  const Tensor grad_q = empty_gradient(of.log_q, want_q), grad_p = empty_gradient(of.log_p, want_p);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    diffusion_kernels<T>().mmd(
        of.problem<T>(), unbiased, write<T>(value), write_if<T>(want_q, grad_q),
        write_if<T>(want_p, grad_p), of.device);
  });
  return {value, grad_q, grad_p};
}

Tensor mmd(const Tensor& log_q, const Tensor& log_p, double t, bool unbiased) {
  return std::get<0>(mmd_grad(log_q, log_p, t, unbiased, false, false));
}

Tensor matrix(const Tensor& log_q, const Tensor& log_p, double t) {
  Arguments in("diffusion_kernel");
  const Samples of(in, log_q, log_p, t);
  const Tensor out = empty(of.log_q, {of.n, of.m});
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    diffusion_kernels<T>().matrix(of.problem<T>(), write<T>(out), of.device);
  });
  return out;
}

std::tuple<Tensor, Tensor> matrix_backward(
    const Tensor& grad_in, const Tensor& log_q, const Tensor& log_p, double t, bool want_q,
    bool want_p) {
  Arguments in("diffusion_kernel");
  const Samples of(in, log_q, log_p, t);
  const Tensor grad = in.numbers("grad", grad_in, {of.n, of.m});
  const Tensor grad_q = empty_gradient(of.log_q, want_q), grad_p = empty_gradient(of.log_p, want_p);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    diffusion_kernels<T>().backward(
        of.problem<T>(), read<T>(grad), write_if<T>(want_q, grad_q), write_if<T>(want_p, grad_p),
        of.device);
  });
  return {grad_q, grad_p};
}

}  // namespace

// want_q and want_p say which gradients to make; a tensor without elements stands for another.
TOPICFORGE_SCHEMAS(m) {
  m.def("diffusion_mmd(Tensor log_q, Tensor log_p, float t=1.0, bool unbiased=True) -> Tensor");
  // Value and gradients in one pass.
  m.def(
      "_diffusion_mmd_grad(Tensor log_q, Tensor log_p, float t, bool unbiased, bool want_q, "
      "bool want_p) -> (Tensor, Tensor, Tensor)");
  m.def("diffusion_kernel(Tensor log_q, Tensor log_p, float t=1.0) -> Tensor");
  m.def(
      "_diffusion_kernel_backward(Tensor grad, Tensor log_q, Tensor log_p, float t, bool want_q, "
      "bool want_p) -> (Tensor, Tensor)");
}

TOPICFORGE_IMPLEMENTATIONS(m) {
  m.impl("diffusion_mmd", TORCH_BOX(&mmd));
  m.impl("_diffusion_mmd_grad", TORCH_BOX(&mmd_grad));
  m.impl("diffusion_kernel", TORCH_BOX(&matrix));
  m.impl("_diffusion_kernel_backward", TORCH_BOX(&matrix_backward));
}

}  // namespace topicforge
