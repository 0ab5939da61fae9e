#include "cuda/mixture.cuh"

#include <algorithm>
#include <tuple>

#include "cuda/launch.h"
#include "mixture_checks.h"

namespace topicforge {
namespace cuda {
namespace {

using torch::stable::new_empty;

constexpr int kLine = 256;
// Points a chunk, and shares of a chunk whose moments are summed apart. Constants, so that the
// order of all sums depends on the sizes alone.
constexpr int64_t kChunk = 4096;
constexpr int64_t kSegments = 16;

// The parameters on the device, prepared.
template <class T>
struct Model {
  Model(const Launch& launch, const Tensor& loc, const Tensor& log_var, const Tensor* log_weight)
      : C(loc.size(0)), L(loc.size(1)), precision(loc, C * L), log_norm(loc, C) {
    view = {loc.const_data_ptr<T>(),
            log_var.const_data_ptr<T>(),
            log_weight == nullptr ? nullptr : log_weight->const_data_ptr<T>(),
            C,
            L,
            log_var.size(1),
            precision.get(),
            log_norm.get()};
    prepare<T><<<blocks_for(C, kLine), kLine, 0, launch.stream()>>>(view);
    check_launch();
  }
  int64_t C, L;
  Buffer<T> precision, log_norm;
  Components<T> view;
};

dim3 grid(int64_t x, int64_t y, int64_t z = 1) {
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z));
}

template <class T>
void run_distances(
    const Launch& launch, const Model<T>& model, const T* x, const T* log_variance, int64_t B,
    T* out) {
  distances<T>
      <<<grid(blocks_for(B, kTile<T>), blocks_for(model.C, kTile<T>)), square_block(), 0,
         launch.stream()>>>(model.view, x, log_variance, B, out);
  check_launch();
}

// body(first point, number of points) for every chunk.
template <class Body>
void for_chunks(int64_t B, const Body& body) {
  for (int64_t first = 0; first < B; first += kChunk) body(first, std::min(kChunk, B - first));
}

// Gradients of the parameters, and the sums they come from.
template <class T>
struct OwnGradient {
  OwnGradient(const Tensor& like_loc, const Tensor& like_log_var)
      : C(like_loc.size(0)),
        L(like_loc.size(1)),
        loc(new_empty(like_loc, like_loc.sizes())),
        log_var(new_empty(like_log_var, like_log_var.sizes())),
        log_weight(new_empty(like_loc, {like_loc.sizes().data(), 1})),
        memory(zeros(like_loc, kSegments * C * (2 * L + 1))) {
    T* start = static_cast<T*>(memory.mutable_data_ptr());
    sums = {start, start + kSegments * C, start + kSegments * C * (1 + L)};
  }
  static Tensor zeros(const Tensor& like, int64_t count) {
    const std::array<int64_t, 1> size{count};
    return torch::stable::new_zeros(like, {size.data(), 1});
  }
  void add(
      const Launch& launch, const Model<T>& model, const T* weights, const T* x,
      const T* log_variance, int64_t B) const {
    add_moments<T>
        <<<grid(blocks_for(C, kTile<T>), blocks_for(L, kTile<T>), kSegments), square_block(), 0,
           launch.stream()>>>(model.view, weights, x, log_variance, B, sums);
    check_launch();
  }
  void finish(const Launch& launch, const Model<T>& model) {
    finish_moments<T><<<blocks_for(C, kLine), kLine, 0, launch.stream()>>>(
        model.view, sums, kSegments, loc.mutable_data_ptr<T>(), log_var.mutable_data_ptr<T>(),
        log_weight.mutable_data_ptr<T>());
    check_launch();
  }
  int64_t C, L;
  Tensor loc, log_var, log_weight, memory;
  MomentSums<T> sums;
};

template <class T>
void run_points_gradient(
    const Launch& launch, const Model<T>& model, const T* weights, const T* x, int64_t B,
    T* grad_x, const T* log_variance, const T* grad_bound, T* grad_log_variance) {
  points_gradient<T>
      <<<grid(blocks_for(B, kTile<T>), blocks_for(model.L, kTile<T>)), square_block(), 0,
         launch.stream()>>>(
          model.view, weights, x, B, grad_x, log_variance, grad_bound, grad_log_variance);
  check_launch();
}

Tensor log_prob(
    const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
    const Tensor& log_weight_in) {
  const char* op = "mixture_log_prob";
  check_mixture(op, loc_in, log_var_in, &log_weight_in);
  check_points(op, "z", z_in, loc_in);
  const ScalarType type = check_types(op, z_in, loc_in, log_var_in, log_weight_in);
  const Launch launch(z_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor log_weight = row_major(log_weight_in);
  Tensor out = new_empty(z, {z.sizes().data(), 1});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Model<T> model(launch, loc, log_var, &log_weight);
    const Buffer<T> near(z, std::min(kChunk, z.size(0)) * model.C);
    for_chunks(z.size(0), [&](int64_t first, int64_t count) {
      run_distances<T>(
          launch, model, z.const_data_ptr<T>() + first * model.L, nullptr, count, near.get());
      rows_forward<T><<<count, square_block(), 0, launch.stream()>>>(
          model.view, near.get(), nullptr, nullptr, out.mutable_data_ptr<T>() + first, nullptr,
          nullptr, nullptr);
      check_launch();
    });
  });
  return out;
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
  const Launch launch(z_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor log_weight = row_major(log_weight_in), grad = row_major(grad_in);
  const Tensor log_prob = row_major(log_prob_in);
  Tensor grad_z = new_empty(z, z.sizes());
  std::tuple<Tensor, Tensor, Tensor, Tensor> result;
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Model<T> model(launch, loc, log_var, &log_weight);
    OwnGradient<T> own(loc, log_var);
    const Buffer<T> near(z, std::min(kChunk, z.size(0)) * model.C);
    for_chunks(z.size(0), [&](int64_t first, int64_t count) {
      const T* points = z.const_data_ptr<T>() + first * model.L;
      run_distances<T>(launch, model, points, nullptr, count, near.get());
      log_prob_weights<T>
          <<<blocks_for(count * model.C, kLine), kLine, 0, launch.stream()>>>(
              model.view, count, grad.const_data_ptr<T>() + first,
              log_prob.const_data_ptr<T>() + first, near.get());
      check_launch();
      run_points_gradient<T>(
          launch, model, near.get(), points, count,
          grad_z.mutable_data_ptr<T>() + first * model.L, nullptr, nullptr, nullptr);
      own.add(launch, model, near.get(), points, nullptr, count);
    });
    own.finish(launch, model);
    result = {grad_z, own.loc, own.log_var, own.log_weight};
  });
  return result;
}

Tensor responsibilities(
    const Tensor& z_in, const Tensor& loc_in, const Tensor& log_var_in,
    const Tensor& log_weight_in) {
  const char* op = "mixture_responsibilities";
  check_mixture(op, loc_in, log_var_in, &log_weight_in);
  check_points(op, "z", z_in, loc_in);
  const ScalarType type = check_types(op, z_in, loc_in, log_var_in, log_weight_in);
  const Launch launch(z_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor log_weight = row_major(log_weight_in);
  const std::array<int64_t, 2> shape{z.size(0), loc.size(0)};
  Tensor out = new_empty(z, {shape.data(), shape.size()});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Model<T> model(launch, loc, log_var, &log_weight);
    const Buffer<T> near(z, std::min(kChunk, z.size(0)) * model.C);
    for_chunks(z.size(0), [&](int64_t first, int64_t count) {
      run_distances<T>(
          launch, model, z.const_data_ptr<T>() + first * model.L, nullptr, count, near.get());
      rows_forward<T><<<count, square_block(), 0, launch.stream()>>>(
          model.view, near.get(), nullptr, nullptr, nullptr,
          out.mutable_data_ptr<T>() + first * model.C, nullptr, nullptr);
      check_launch();
    });
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
  const ScalarType type = check_types(op, z_in, loc_in, log_var_in, grad_in, responsibilities_in);
  const Launch launch(z_in);
  const Tensor z = row_major(z_in), loc = row_major(loc_in), log_var = row_major(log_var_in);
  const Tensor grad = row_major(grad_in), shares = row_major(responsibilities_in);
  Tensor grad_z = new_empty(z, z.sizes());
  std::tuple<Tensor, Tensor, Tensor, Tensor> result;
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Model<T> model(launch, loc, log_var, nullptr);
    OwnGradient<T> own(loc, log_var);
    const Buffer<T> weights(z, std::min(kChunk, z.size(0)) * model.C);
    for_chunks(z.size(0), [&](int64_t first, int64_t count) {
      const T* points = z.const_data_ptr<T>() + first * model.L;
      share_weights<T><<<count, square_block(), 0, launch.stream()>>>(
          model.C, grad.const_data_ptr<T>() + first * model.C,
          shares.const_data_ptr<T>() + first * model.C, weights.get());
      check_launch();
      run_points_gradient<T>(
          launch, model, weights.get(), points, count,
          grad_z.mutable_data_ptr<T>() + first * model.L, nullptr, nullptr, nullptr);
      own.add(launch, model, weights.get(), points, nullptr, count);
    });
    own.finish(launch, model);
    result = {grad_z, own.loc, own.log_var, own.log_weight};
  });
  return result;
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
  const Launch launch(z_in);
  const Tensor loc = row_major(loc_in), log_var = row_major(log_var_in), z = row_major(z_in);
  const Tensor mix_loc = row_major(mix_loc_in), mix_log_var = row_major(mix_log_var_in);
  const Tensor log_weight = row_major(log_weight_in);
  Tensor bound = new_empty(z, {z.sizes().data(), 1});
  Tensor log_prob = new_empty(z, {z.sizes().data(), 1}), gap = new_empty(z, {z.sizes().data(), 1});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Model<T> model(launch, mix_loc, mix_log_var, &log_weight);
    const int64_t size = std::min(kChunk, z.size(0)) * model.C;
    const Buffer<T> near(z, size), far(z, size);
    for_chunks(z.size(0), [&](int64_t first, int64_t count) {
      const int64_t at = first * model.L;
      run_distances<T>(launch, model, z.const_data_ptr<T>() + at, nullptr, count, near.get());
      run_distances<T>(
          launch, model, loc.const_data_ptr<T>() + at, log_var.const_data_ptr<T>() + at, count,
          far.get());
      rows_forward<T><<<count, square_block(), 0, launch.stream()>>>(
          model.view, near.get(), far.get(), log_var.const_data_ptr<T>() + at,
          log_prob.mutable_data_ptr<T>() + first, nullptr, gap.mutable_data_ptr<T>() + first,
          bound.mutable_data_ptr<T>() + first);
      check_launch();
    });
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
  const Launch launch(z_in);
  const Tensor loc = row_major(loc_in), log_var = row_major(log_var_in), z = row_major(z_in);
  const Tensor mix_loc = row_major(mix_loc_in), mix_log_var = row_major(mix_log_var_in);
  const Tensor log_weight = row_major(log_weight_in), grad = row_major(grad_in);
  const Tensor grad_log_prob = row_major(grad_log_prob_in), gap = row_major(gap_in);
  const Tensor grad_gap = row_major(grad_gap_in), log_prob = row_major(log_prob_in);
  Tensor grad_loc = new_empty(z, z.sizes()), grad_log_var = new_empty(z, z.sizes());
  Tensor grad_z = new_empty(z, z.sizes());
  std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> result;
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Model<T> model(launch, mix_loc, mix_log_var, &log_weight);
    OwnGradient<T> own(mix_loc, mix_log_var);
    const int64_t size = std::min(kChunk, z.size(0)) * model.C;
    const Buffer<T> near(z, size), far(z, size);
    for_chunks(z.size(0), [&](int64_t first, int64_t count) {
      const int64_t at = first * model.L;
      const T* points = z.const_data_ptr<T>() + at;
      const T *means = loc.const_data_ptr<T>() + at, *spread = log_var.const_data_ptr<T>() + at;
      const T* grads = grad.const_data_ptr<T>() + first;
      run_distances<T>(launch, model, points, nullptr, count, near.get());
      run_distances<T>(launch, model, means, spread, count, far.get());
      bound_weights<T><<<blocks_for(count * model.C, kLine), kLine, 0, launch.stream()>>>(
          model.view, count, grads, grad_log_prob.const_data_ptr<T>() + first,
          grad_gap.const_data_ptr<T>() + first, log_prob.const_data_ptr<T>() + first,
          gap.const_data_ptr<T>() + first, near.get(), far.get());
      check_launch();
      run_points_gradient<T>(
          launch, model, near.get(), points, count, grad_z.mutable_data_ptr<T>() + at, nullptr,
          nullptr, nullptr);
      run_points_gradient<T>(
          launch, model, far.get(), means, count, grad_loc.mutable_data_ptr<T>() + at, spread,
          grads, grad_log_var.mutable_data_ptr<T>() + at);
      own.add(launch, model, near.get(), points, nullptr, count);
      own.add(launch, model, far.get(), means, spread, count);
    });
    own.finish(launch, model);
    result = {grad_loc, grad_log_var, grad_z, own.loc, own.log_var, own.log_weight};
  });
  return result;
}

}  // namespace
}  // namespace cuda
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CUDA, m) {
  m.impl("mixture_log_prob", TORCH_BOX(&topicforge::cuda::log_prob));
  m.impl("_mixture_log_prob_backward", TORCH_BOX(&topicforge::cuda::log_prob_backward));
  m.impl("mixture_responsibilities", TORCH_BOX(&topicforge::cuda::responsibilities));
  m.impl(
      "_mixture_responsibilities_backward",
      TORCH_BOX(&topicforge::cuda::responsibilities_backward));
  m.impl("mixture_kl_bound", TORCH_BOX(&topicforge::cuda::kl_bound));
  m.impl("_mixture_kl_bound_backward", TORCH_BOX(&topicforge::cuda::kl_bound_backward));
}
