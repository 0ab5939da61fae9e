#include "cpu/kernels/mixture.h"

#include <tuple>

#include "cpu/torch_pool.h"
#include "mixture_checks.h"

namespace topicforge {
namespace {

using torch::stable::empty_like;

template <class T>
const MixtureFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return mixture_kernels().f32;
  } else {
    return mixture_kernels().f64;
  }
}

template <class T>
Mixture<T> mixture(const Tensor& loc, const Tensor& log_var, const Tensor* log_weight) {
  return {
      loc.const_data_ptr<T>(), log_var.const_data_ptr<T>(),
      log_weight == nullptr ? nullptr : log_weight->const_data_ptr<T>(),
      loc.size(0), loc.size(1), log_var.size(1)};
}

// Gradients of a mixture's parameters, owned.
struct OwnGradient {
  OwnGradient(const Tensor& like_loc, const Tensor& like_log_var)
      : loc(room(like_loc, like_loc.sizes())),
        log_var(room(like_log_var, like_log_var.sizes())),
        log_weight(room(like_loc, {like_loc.sizes().data(), 1})) {}
  template <class T>
  MixtureGradient<T> pointers() {
    return {
        loc.mutable_data_ptr<T>(), log_var.mutable_data_ptr<T>(),
        log_weight.mutable_data_ptr<T>()};
  }
  Tensor loc, log_var, log_weight;
};

Tensor log_prob(
    const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
    const Tensor& log_weight_in) {
  const char* op = "mixture_log_prob";
  check_mixture(op, loc_in, log_var_in, &log_weight_in);
  check_points(op, "z", z_in, loc_in);
  const ScalarType type = check_types(op, z_in, loc_in, log_var_in, log_weight_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor log_weight = row_major(log_weight_in);
  Tensor out = room(z, {z.sizes().data(), 1});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().log_prob(
        mixture<T>(loc, log_var, &log_weight), z.const_data_ptr<T>(), z.size(0),
        out.mutable_data_ptr<T>(), nullptr, torch_pool());
  });
  return out;
}

std::tuple<Tensor, Tensor> log_prob_keep(
    const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
    const Tensor& log_weight_in) {
  const char* op = "mixture_log_prob";
  check_mixture(op, loc_in, log_var_in, &log_weight_in);
  check_points(op, "z", z_in, loc_in);
  const ScalarType type = check_types(op, z_in, loc_in, log_var_in, log_weight_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor log_weight = row_major(log_weight_in);
  const int64_t shape[2] = {z.size(0), loc.size(0)};
  Tensor out = room(z, {z.sizes().data(), 1}), shares = room(z, {shape, 2});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().log_prob(
        mixture<T>(loc, log_var, &log_weight), z.const_data_ptr<T>(), z.size(0),
        out.mutable_data_ptr<T>(), shares.mutable_data_ptr<T>(), torch_pool());
  });
  return {out, shares};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> log_prob_kept_backward(
    const Tensor& grad_in, const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
    const Tensor& shares_in) {
  const char* op = "mixture_log_prob";
  check_mixture(op, loc_in, log_var_in, nullptr);
  check_points(op, "z", z_in, loc_in);
  check_vector(op, "grad", grad_in, z_in.size(0));
  check_matrix(op, "shares", shares_in);
  STD_TORCH_CHECK(
      shares_in.size(0) == z_in.size(0) && shares_in.size(1) == loc_in.size(0), op,
      ": shares must have shape (", z_in.size(0), ", ", loc_in.size(0), ")");
  const ScalarType type = check_types(op, z_in, loc_in, log_var_in, grad_in, shares_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor shares = row_major(shares_in);
  Tensor grad_z = room(z, z.sizes());
  OwnGradient own(loc, log_var);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    // Under a sum the gradient that arrives is one number, expanded.
    functions<T>().log_prob_backward_kept(
        mixture<T>(loc, log_var, nullptr), z.const_data_ptr<T>(), z.size(0),
        grad_in.const_data_ptr<T>(), grad_in.stride(0), shares.const_data_ptr<T>(),
        grad_z.mutable_data_ptr<T>(), own.pointers<T>(), torch_pool());
  });
  return {grad_z, own.loc, own.log_var, own.log_weight};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> log_prob_backward(
    const Tensor& grad_in, const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
    const Tensor& log_weight_in, const Tensor& log_prob_in) {
  const char* op = "mixture_log_prob";
  check_mixture(op, loc_in, log_var_in, &log_weight_in);
  check_points(op, "z", z_in, loc_in);
  check_vector(op, "grad", grad_in, z_in.size(0));
  check_vector(op, "log_prob", log_prob_in, z_in.size(0));
  const ScalarType type =
      check_types(op, z_in, loc_in, log_var_in, log_weight_in, grad_in, log_prob_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor log_weight = row_major(log_weight_in), grad = row_major(grad_in);
  const Tensor log_prob = row_major(log_prob_in);
  Tensor grad_z = room(z, z.sizes());
  OwnGradient own(loc, log_var);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().log_prob_backward(
        mixture<T>(loc, log_var, &log_weight), z.const_data_ptr<T>(), z.size(0),
        grad.const_data_ptr<T>(), log_prob.const_data_ptr<T>(), grad_z.mutable_data_ptr<T>(),
        own.pointers<T>(), torch_pool());
  });
  return {grad_z, own.loc, own.log_var, own.log_weight};
}

Tensor responsibilities(
    const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
    const Tensor& log_weight_in) {
  const char* op = "mixture_responsibilities";
  check_mixture(op, loc_in, log_var_in, &log_weight_in);
  check_points(op, "z", z_in, loc_in);
  const ScalarType type = check_types(op, z_in, loc_in, log_var_in, log_weight_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor log_weight = row_major(log_weight_in);
  const int64_t shape[2] = {z.size(0), loc.size(0)};
  Tensor out = room(z, {shape, 2});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().responsibilities(
        mixture<T>(loc, log_var, &log_weight), z.const_data_ptr<T>(), z.size(0),
        out.mutable_data_ptr<T>(), torch_pool());
  });
  return out;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> responsibilities_backward(
    const Tensor& grad_in, const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
    const Tensor& responsibilities_in) {
  const char* op = "mixture_responsibilities";
  check_mixture(op, loc_in, log_var_in, nullptr);
  check_points(op, "z", z_in, loc_in);
  check_same_shape(op, "grad", grad_in, responsibilities_in);
  STD_TORCH_CHECK(
      responsibilities_in.size(0) == z_in.size(0) && responsibilities_in.size(1) == loc_in.size(0),
      op, ": responsibilities must have shape (", z_in.size(0), ", ", loc_in.size(0), ")");
  const ScalarType type =
      check_types(op, z_in, loc_in, log_var_in, grad_in, responsibilities_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor grad = row_major(grad_in), shares = row_major(responsibilities_in);
  Tensor grad_z = room(z, z.sizes());
  OwnGradient own(loc, log_var);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().responsibilities_backward(
        mixture<T>(loc, log_var, nullptr), z.const_data_ptr<T>(), z.size(0),
        grad.const_data_ptr<T>(), shares.const_data_ptr<T>(), grad_z.mutable_data_ptr<T>(),
        own.pointers<T>(), torch_pool());
  });
  return {grad_z, own.loc, own.log_var, own.log_weight};
}

template <class T>
Posterior<T> posterior(const Tensor& loc, const Tensor& log_var, const Tensor& z) {
  return {
      loc.const_data_ptr<T>(), log_var.const_data_ptr<T>(), z.const_data_ptr<T>(), z.size(0)};
}

std::tuple<Tensor, Tensor, Tensor> kl_bound(
    const Tensor& loc_in, const Tensor& log_var_in, const Tensor& z_in, const Tensor& mix_loc_in,
    const Tensor& mix_log_var_in, const Tensor& log_weight_in) {
  const char* op = "mixture_kl_bound";
  check_mixture(op, mix_loc_in, mix_log_var_in, &log_weight_in);
  check_points(op, "z", z_in, mix_loc_in);
  check_same_shape(op, "loc", loc_in, z_in);
  check_same_shape(op, "log_var", log_var_in, z_in);
  const ScalarType type =
      check_types(op, loc_in, log_var_in, z_in, mix_loc_in, mix_log_var_in, log_weight_in);
  const Tensor loc = row_major(loc_in), log_var = row_major(log_var_in), z = row_major(z_in);
  const Tensor mix_loc = row_major(mix_loc_in), mix_log_var = row_major(mix_log_var_in);
  const Tensor log_weight = row_major(log_weight_in);
  Tensor bound = room(z, {z.sizes().data(), 1});
  Tensor log_prob = room(z, {z.sizes().data(), 1});
  Tensor gap = room(z, {z.sizes().data(), 1});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().kl_bound(
        mixture<T>(mix_loc, mix_log_var, &log_weight), posterior<T>(loc, log_var, z),
        {bound.mutable_data_ptr<T>(), log_prob.mutable_data_ptr<T>(), gap.mutable_data_ptr<T>()},
        torch_pool());
  });
  return {bound, log_prob, gap};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> kl_bound_backward(
    const Tensor& grad_in, const Tensor& grad_log_prob_in, const Tensor& grad_gap_in,
    const Tensor& loc_in, const Tensor& log_var_in, const Tensor& z_in, const Tensor& mix_loc_in,
    const Tensor& mix_log_var_in, const Tensor& log_weight_in, const Tensor& log_prob_in,
    const Tensor& gap_in) {
  const char* op = "mixture_kl_bound";
  check_mixture(op, mix_loc_in, mix_log_var_in, &log_weight_in);
  check_points(op, "z", z_in, mix_loc_in);
  check_same_shape(op, "loc", loc_in, z_in);
  check_same_shape(op, "log_var", log_var_in, z_in);
  check_vector(op, "grad", grad_in, z_in.size(0));
  check_vector(op, "grad_log_prob", grad_log_prob_in, z_in.size(0));
  check_vector(op, "grad_gap", grad_gap_in, z_in.size(0));
  check_vector(op, "log_prob", log_prob_in, z_in.size(0));
  check_vector(op, "gap", gap_in, z_in.size(0));
  const ScalarType type = check_types(
      op, loc_in, log_var_in, z_in, mix_loc_in, mix_log_var_in, log_weight_in, grad_in,
      grad_log_prob_in, grad_gap_in, log_prob_in, gap_in);
  const Tensor loc = row_major(loc_in), log_var = row_major(log_var_in), z = row_major(z_in);
  const Tensor mix_loc = row_major(mix_loc_in), mix_log_var = row_major(mix_log_var_in);
  const Tensor log_weight = row_major(log_weight_in), grad = row_major(grad_in);
  const Tensor grad_log_prob = row_major(grad_log_prob_in), gap = row_major(gap_in);
  const Tensor grad_gap = row_major(grad_gap_in), log_prob = row_major(log_prob_in);
  Tensor grad_loc = room(z, z.sizes()), grad_log_var = room(z, z.sizes());
  Tensor grad_z = room(z, z.sizes());
  OwnGradient own(mix_loc, mix_log_var);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().kl_bound_backward(
        mixture<T>(mix_loc, mix_log_var, &log_weight), posterior<T>(loc, log_var, z),
        {grad.const_data_ptr<T>(), grad_log_prob.const_data_ptr<T>(),
         grad_gap.const_data_ptr<T>()},
        log_prob.const_data_ptr<T>(), gap.const_data_ptr<T>(), grad_loc.mutable_data_ptr<T>(),
        grad_log_var.mutable_data_ptr<T>(), grad_z.mutable_data_ptr<T>(), own.pointers<T>(),
        torch_pool());
  });
  return {grad_loc, grad_log_var, grad_z, own.loc, own.log_var, own.log_weight};
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("mixture_log_prob", TORCH_BOX(&topicforge::log_prob));
  m.impl("_mixture_log_prob_backward", TORCH_BOX(&topicforge::log_prob_backward));
  m.impl("_mixture_log_prob_keep", TORCH_BOX(&topicforge::log_prob_keep));
  m.impl("_mixture_log_prob_kept_backward", TORCH_BOX(&topicforge::log_prob_kept_backward));
  m.impl("mixture_responsibilities", TORCH_BOX(&topicforge::responsibilities));
  m.impl(
      "_mixture_responsibilities_backward", TORCH_BOX(&topicforge::responsibilities_backward));
  m.impl("mixture_kl_bound", TORCH_BOX(&topicforge::kl_bound));
  m.impl("_mixture_kl_bound_backward", TORCH_BOX(&topicforge::kl_bound_backward));
}
