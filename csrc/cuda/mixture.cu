#include "cuda/mixture.cuh"

#include <algorithm>

#include "cuda/launch.h"
#include "ops/mixture.h"

namespace topicforge {
namespace cuda {
namespace {

constexpr int kLine = 256;
// Points per chunk, and parts of a chunk whose moments are summed separately. Constants, so that the
// order of all sums depends on the sizes alone.
constexpr int64_t kChunk = 4096;
constexpr int64_t kSegments = 16;

// The parameters on the device, prepared.
template <class T>
struct Model {
  Model(const Launch& launch, const Mixture<T>& mixture)
      : C(mixture.C), L(mixture.L), precision(launch, C * L), log_norm(launch, C) {
    view = {mixture.loc, mixture.log_var, mixture.log_weight, C,
            L,           mixture.var_columns, precision.get(), log_norm.get()};
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

// The sums that the parameters' gradients come from.
template <class T>
struct Moments {
  Moments(const Launch& launch, const Model<T>& model)
      : C(model.C), L(model.L), memory(launch, kSegments * C * (2 * L + 1)) {
    T* start = memory.get();
    const size_t count = static_cast<size_t>(kSegments * C * (2 * L + 1));
    STD_CUDA_CHECK(cudaMemsetAsync(start, 0, sizeof(T) * count, launch.stream()));
    sums = {start, start + kSegments * C, start + kSegments * C * (1 + L)};
  }
  void add(
      const Launch& launch, const Model<T>& model, const T* weights, const T* x,
      const T* log_variance, int64_t B) const {
    add_moments<T>
        <<<grid(blocks_for(C, kTile<T>), blocks_for(L, kTile<T>), kSegments), square_block(), 0,
           launch.stream()>>>(model.view, weights, x, log_variance, B, sums);
    check_launch();
  }
  void finish(
      const Launch& launch, const Model<T>& model, const MixtureGradients<T>& out) const {
    finish_moments<T><<<blocks_for(C, kLine), kLine, 0, launch.stream()>>>(
        model.view, sums, kSegments, out.loc, out.log_var, out.log_weight);
    check_launch();
  }
  int64_t C, L;
  Buffer<T> memory;
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

template <class T>
void log_prob(
    const Mixture<T>& mixture, const T* z, int64_t B, T* out, T* shares, const Launch& launch) {
  const Model<T> model(launch, mixture);
  const Buffer<T> near(launch, std::min(kChunk, B) * model.C);
  for_chunks(B, [&](int64_t first, int64_t count) {
    run_distances<T>(launch, model, z + first * model.L, nullptr, count, near.get());
    rows_forward<T><<<count, square_block(), 0, launch.stream()>>>(
        model.view, near.get(), nullptr, nullptr, out == nullptr ? nullptr : out + first,
        shares == nullptr ? nullptr : shares + first * model.C, nullptr, nullptr);
    check_launch();
  });
}

template <class T>
void responsibilities(
    const Mixture<T>& mixture, const T* z, int64_t B, T* out, const Launch& launch) {
  log_prob<T>(mixture, z, B, nullptr, out, launch);
}

// The gradients of z and the parameters, from a weight for every point and component:
// weigh(first point, number of points, weights) makes those of a chunk.
template <class T, class Weigh>
void weighted_backward(
    const Launch& launch, const Model<T>& model, const T* z, int64_t B,
    const MixtureGradients<T>& out, const Weigh& weigh) {
  const Moments<T> moments(launch, model);
  const Buffer<T> weights(launch, std::min(kChunk, B) * model.C);
  for_chunks(B, [&](int64_t first, int64_t count) {
    const T* points = z + first * model.L;
    weigh(first, count, weights.get());
    run_points_gradient<T>(
        launch, model, weights.get(), points, count, out.z + first * model.L, nullptr, nullptr,
        nullptr);
    moments.add(launch, model, weights.get(), points, nullptr, count);
  });
  moments.finish(launch, model, out);
}

template <class T>
void log_prob_backward(
    const Mixture<T>& mixture, const T* z, int64_t B, const T* grad, const T* log_prob,
    const MixtureGradients<T>& out, const Launch& launch) {
  const Model<T> model(launch, mixture);
  weighted_backward(launch, model, z, B, out, [&](int64_t first, int64_t count, T* weights) {
    run_distances<T>(launch, model, z + first * model.L, nullptr, count, weights);
    log_prob_weights<T><<<blocks_for(count * model.C, kLine), kLine, 0, launch.stream()>>>(
        model.view, count, grad + first, log_prob + first, weights);
    check_launch();
  });
}

template <class T>
void responsibilities_backward(
    const Mixture<T>& mixture, const T* z, int64_t B, const T* grad, const T* shares,
    const MixtureGradients<T>& out, const Launch& launch) {
  const Model<T> model(launch, mixture);
  weighted_backward(launch, model, z, B, out, [&](int64_t first, int64_t count, T* weights) {
    share_weights<T><<<count, square_block(), 0, launch.stream()>>>(
        model.C, grad + first * model.C, shares + first * model.C, weights);
    check_launch();
  });
}

template <class T>
void kl_bound(
    const Mixture<T>& mixture, const Posterior<T>& posterior, const BoundTerms<T*>& out,
    const Launch& launch) {
  const Model<T> model(launch, mixture);
  const int64_t B = posterior.B, size = std::min(kChunk, B) * model.C;
  const Buffer<T> near(launch, size), far(launch, size);
  for_chunks(B, [&](int64_t first, int64_t count) {
    const int64_t at = first * model.L;
    run_distances<T>(launch, model, posterior.z + at, nullptr, count, near.get());
    run_distances<T>(
        launch, model, posterior.loc + at, posterior.log_var + at, count, far.get());
    rows_forward<T><<<count, square_block(), 0, launch.stream()>>>(
        model.view, near.get(), far.get(), posterior.log_var + at, out.log_prob + first, nullptr,
        out.gap + first, out.bound + first);
    check_launch();
  });
}

template <class T>
void kl_bound_backward(
    const Mixture<T>& mixture, const Posterior<T>& posterior, const BoundTerms<const T*>& grad,
    const T* log_prob, const T* gap, T* grad_loc, T* grad_log_var,
    const MixtureGradients<T>& out, const Launch& launch) {
  const Model<T> model(launch, mixture);
  const Moments<T> moments(launch, model);
  const int64_t B = posterior.B, size = std::min(kChunk, B) * model.C;
  const Buffer<T> near(launch, size), far(launch, size);
  for_chunks(B, [&](int64_t first, int64_t count) {
    const int64_t at = first * model.L;
    const T *points = posterior.z + at, *means = posterior.loc + at;
    const T* spread = posterior.log_var + at;
    run_distances<T>(launch, model, points, nullptr, count, near.get());
    run_distances<T>(launch, model, means, spread, count, far.get());
    bound_weights<T><<<blocks_for(count * model.C, kLine), kLine, 0, launch.stream()>>>(
        model.view, count, grad.bound + first, grad.log_prob + first, grad.gap + first,
        log_prob + first, gap + first, near.get(), far.get());
    check_launch();
    run_points_gradient<T>(
        launch, model, near.get(), points, count, out.z + at, nullptr, nullptr, nullptr);
    run_points_gradient<T>(
        launch, model, far.get(), means, count, grad_loc + at, spread, grad.bound + first,
        grad_log_var + at);
    moments.add(launch, model, near.get(), points, nullptr, count);
    moments.add(launch, model, far.get(), means, spread, count);
  });
  moments.finish(launch, model, out);
}

template <class T>
constexpr MixtureFunctions<T> functions = {
    log_prob<T>, log_prob_backward<T>, nullptr, responsibilities<T>, responsibilities_backward<T>,
    kl_bound<T>, kl_bound_backward<T>};

}  // namespace
}  // namespace cuda

using cuda::functions;
TOPICFORGE_DEFINE_KERNELS(MixtureFunctions, mixture)

}  // namespace topicforge
