#include "ops/mixture.h"

#include <tuple>

#include "ops/device.h"

namespace topicforge {
namespace {

// Points z (B, L) and the parameters of a mixture: loc (C, L), log_var (C, L) or (C, 1), and
// log_weight (C,) where it is read.
struct Problem {
  Problem(
      Arguments& in, const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
      const Tensor* log_weight_in)
      : z(in.numbers("z", z_in, {kAny, kAny})),
        loc(in.numbers("loc", loc_in, {kAny, z.size(1)})),
        log_var(in.numbers("log_var", log_var_in, {loc.size(0), kAny})),
        log_weight(
            log_weight_in == nullptr
                ? loc
                : in.numbers("log_weight", *log_weight_in, {loc.size(0)})),
        weighted(log_weight_in != nullptr),
        B(z.size(0)),
        C(loc.size(0)),
        L(loc.size(1)),
        device(device_of(z)) {
    STD_TORCH_CHECK(
        C > 0 && L > 0 && (log_var.size(1) == L || log_var.size(1) == 1), in.op(),
        ": a mixture has at least one component and one dimension, and log_var as many columns "
        "as loc, or one");
  }

  template <class T>
  Mixture<T> mixture() const {
    return {
        read<T>(loc), read<T>(log_var), weighted ? read<T>(log_weight) : nullptr, C, L,
        log_var.size(1)};
  }

  Tensor z, loc, log_var, log_weight;
  bool weighted;
  int64_t B, C, L;
  Device device;
};

// The gradients of z and of the parameters.
struct Gradients {
  explicit Gradients(const Problem& of)
      : z(empty_gradient(of.z)),
        loc(empty_gradient(of.loc)),
        log_var(empty_gradient(of.log_var)),
        log_weight(empty(of.loc, {of.C})) {}

  template <class T>
  MixtureGradients<T> pointers() const {
    return {write<T>(z), write<T>(loc), write<T>(log_var), write<T>(log_weight)};
  }

  operator std::tuple<Tensor, Tensor, Tensor, Tensor>() const {
    return {z, loc, log_var, log_weight};
  }

  Tensor z, loc, log_var, log_weight;
};

using FourTensors = std::tuple<Tensor, Tensor, Tensor, Tensor>;

Tensor log_prob(
    const Tensor& z, const Tensor& loc, const Tensor& log_var, const Tensor& log_weight) {
  Arguments in("mixture_log_prob");
  const Problem of(in, z, loc, log_var, &log_weight);
  const Tensor out = empty(of.z, {of.B});
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    mixture_kernels<T>().log_prob(
        of.mixture<T>(), read<T>(of.z), of.B, write<T>(out), nullptr, of.device);
  });
  return out;
}

FourTensors log_prob_backward(
    const Tensor& grad_in, const Tensor& z, const Tensor& loc, const Tensor& log_var,
    const Tensor& log_weight, const Tensor& log_prob_in) {
  Arguments in("mixture_log_prob");
  const Problem of(in, z, loc, log_var, &log_weight);
  const Tensor grad = in.numbers("grad", grad_in, {of.B});
  const Tensor log_prob = in.numbers("log_prob", log_prob_in, {of.B});
  const Gradients out(of);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    mixture_kernels<T>().log_prob_backward(
        of.mixture<T>(), read<T>(of.z), of.B, read<T>(grad), read<T>(log_prob),
        out.pointers<T>(), of.device);
  });
  return out;
}

Tensor responsibilities(
    const Tensor& z, const Tensor& loc, const Tensor& log_var, const Tensor& log_weight) {
  Arguments in("mixture_responsibilities");
  const Problem of(in, z, loc, log_var, &log_weight);
  const Tensor out = empty(of.z, {of.B, of.C});
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    mixture_kernels<T>().responsibilities(
        of.mixture<T>(), read<T>(of.z), of.B, write<T>(out), of.device);
  });
  return out;
}

FourTensors responsibilities_backward(
    const Tensor& grad_in, const Tensor& z, const Tensor& loc, const Tensor& log_var,
    const Tensor& responsibilities_in) {
  Arguments in("mixture_responsibilities");
  const Problem of(in, z, loc, log_var, nullptr);
  const Tensor grad = in.numbers("grad", grad_in, {of.B, of.C});
  const Tensor shares = in.numbers("responsibilities", responsibilities_in, {of.B, of.C});
  const Gradients out(of);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    mixture_kernels<T>().responsibilities_backward(
        of.mixture<T>(), read<T>(of.z), of.B, read<T>(grad), read<T>(shares),
        out.pointers<T>(), of.device);
  });
  return out;
}

// A posterior's loc and log_var, (B, L) beside its samples z.
struct Posteriors {
  Posteriors(Arguments& in, const Problem& of, const Tensor& loc_in, const Tensor& log_var_in)
      : loc(in.numbers("loc", loc_in, {of.B, of.L})),
        log_var(in.numbers("log_var", log_var_in, {of.B, of.L})) {}

  template <class T>
  Posterior<T> with(const Tensor& z) const {
    return {read<T>(loc), read<T>(log_var), read<T>(z), z.size(0)};
  }

  Tensor loc, log_var;
};

std::tuple<Tensor, Tensor, Tensor> kl_bound(
    const Tensor& loc, const Tensor& log_var, const Tensor& z, const Tensor& mix_loc,
    const Tensor& mix_log_var, const Tensor& log_weight) {
  Arguments in("mixture_kl_bound");
  const Problem of(in, z, mix_loc, mix_log_var, &log_weight);
  const Posteriors posterior(in, of, loc, log_var);
  const Tensor bound = empty(of.z, {of.B}), log_prob = empty(of.z, {of.B});
  const Tensor gap = empty(of.z, {of.B});
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    mixture_kernels<T>().kl_bound(
        of.mixture<T>(), posterior.with<T>(of.z),
        {write<T>(bound), write<T>(log_prob), write<T>(gap)}, of.device);
  });
  return {bound, log_prob, gap};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> kl_bound_backward(
    const Tensor& grad_in, const Tensor& grad_log_prob_in, const Tensor& grad_gap_in,
    const Tensor& loc, const Tensor& log_var, const Tensor& z, const Tensor& mix_loc,
    const Tensor& mix_log_var, const Tensor& log_weight, const Tensor& log_prob_in,
    const Tensor& gap_in) {
  Arguments in("mixture_kl_bound");
  const Problem of(in, z, mix_loc, mix_log_var, &log_weight);
  const Posteriors posterior(in, of, loc, log_var);
  const Tensor grad = in.numbers("grad", grad_in, {of.B});
  const Tensor grad_log_prob = in.numbers("grad_log_prob", grad_log_prob_in, {of.B});
  const Tensor grad_gap = in.numbers("grad_gap", grad_gap_in, {of.B});
  const Tensor log_prob = in.numbers("log_prob", log_prob_in, {of.B});
  const Tensor gap = in.numbers("gap", gap_in, {of.B});
  const Tensor grad_loc = empty_gradient(of.z), grad_log_var = empty_gradient(of.z);
  const Gradients out(of);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    mixture_kernels<T>().kl_bound_backward(
        of.mixture<T>(), posterior.with<T>(of.z),
        {read<T>(grad), read<T>(grad_log_prob), read<T>(grad_gap)}, read<T>(log_prob),
        read<T>(gap), write<T>(grad_loc), write<T>(grad_log_var), out.pointers<T>(), of.device);
  });
  return {grad_loc, grad_log_var, out.z, out.loc, out.log_var, out.log_weight};
}

#ifndef TOPICFORGE_CUDA
std::tuple<Tensor, Tensor> log_prob_keep(
    const Tensor& z, const Tensor& loc, const Tensor& log_var, const Tensor& log_weight) {
  Arguments in("mixture_log_prob");
  const Problem of(in, z, loc, log_var, &log_weight);
  const Tensor out = empty(of.z, {of.B}), shares = empty(of.z, {of.B, of.C});
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    mixture_kernels<T>().log_prob(
        of.mixture<T>(), read<T>(of.z), of.B, write<T>(out), write<T>(shares), of.device);
  });
  return {out, shares};
}

FourTensors log_prob_kept_backward(
    const Tensor& grad, const Tensor& z, const Tensor& loc, const Tensor& log_var,
    const Tensor& shares_in) {
  Arguments in("mixture_log_prob");
  const Problem of(in, z, loc, log_var, nullptr);
  in.check_numbers("grad", grad, {of.B});  // under a sum one number, expanded
  const Tensor shares = in.numbers("shares", shares_in, {of.B, of.C});
  const Gradients out(of);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    mixture_kernels<T>().log_prob_backward_kept(
        of.mixture<T>(), read<T>(of.z), of.B, read<T>(grad), grad.stride(0), read<T>(shares),
        out.pointers<T>(), of.device);
  });
  return out;
}

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("_mixture_log_prob_keep", TORCH_BOX(&log_prob_keep));
  m.impl("_mixture_log_prob_kept_backward", TORCH_BOX(&log_prob_kept_backward));
}
#endif

}  // namespace

// log_var is (C, L) or (C, 1).
TOPICFORGE_SCHEMAS(m) {
  m.def("mixture_log_prob(Tensor z, Tensor loc, Tensor log_var, Tensor log_weight) -> Tensor");
  m.def(
      "_mixture_log_prob_backward(Tensor grad, Tensor z, Tensor loc, Tensor log_var, "
      "Tensor log_weight, Tensor log_prob) -> (Tensor, Tensor, Tensor, Tensor)");
  // The same on the CPU with the responsibilities kept for the backward: (B, C), but in an order of
  // the kernel's own.
  m.def(
      "_mixture_log_prob_keep(Tensor z, Tensor loc, Tensor log_var, Tensor log_weight) "
      "-> (Tensor, Tensor)");
  m.def(
      "_mixture_log_prob_kept_backward(Tensor grad, Tensor z, Tensor loc, Tensor log_var, "
      "Tensor shares) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "mixture_responsibilities(Tensor z, Tensor loc, Tensor log_var, Tensor log_weight) "
      "-> Tensor");
  m.def(
      "_mixture_responsibilities_backward(Tensor grad, Tensor z, Tensor loc, Tensor log_var, "
      "Tensor responsibilities) -> (Tensor, Tensor, Tensor, Tensor)");
  // (bound, log p(z), gap): the second and third come from the same pass and serve the backward.
  m.def(
      "mixture_kl_bound(Tensor loc, Tensor log_var, Tensor z, Tensor mix_loc, "
      "Tensor mix_log_var, Tensor log_weight) -> (Tensor, Tensor, Tensor)");
  m.def(
      "_mixture_kl_bound_backward(Tensor grad, Tensor grad_log_prob, Tensor grad_gap, Tensor loc, "
      "Tensor log_var, Tensor z, Tensor mix_loc, Tensor mix_log_var, Tensor log_weight, "
      "Tensor log_prob, Tensor gap) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TOPICFORGE_IMPLEMENTATIONS(m) {
  m.impl("mixture_log_prob", TORCH_BOX(&log_prob));
  m.impl("_mixture_log_prob_backward", TORCH_BOX(&log_prob_backward));
  m.impl("mixture_responsibilities", TORCH_BOX(&responsibilities));
  m.impl("_mixture_responsibilities_backward", TORCH_BOX(&responsibilities_backward));
  m.impl("mixture_kl_bound", TORCH_BOX(&kl_bound));
  m.impl("_mixture_kl_bound_backward", TORCH_BOX(&kl_bound_backward));
}

}  // namespace topicforge
