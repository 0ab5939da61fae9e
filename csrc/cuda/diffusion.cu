#include "cuda/diffusion.cuh"

#include <algorithm>
#include <tuple>

#include "cuda/launch.h"

namespace topicforge {
namespace cuda {
namespace {

using torch::stable::new_empty;

constexpr int kLine = 256;
// Blocks that fill the largest device twice over. A constant, so that the segments, and with
// them the order of the sums, depend on the sizes alone.
constexpr int64_t kBlocksWanted = 304;

template <class T>
int64_t segments_for(int64_t own, int64_t other) {
  const int64_t panels = blocks_for(own, kTile<T>), tiles = blocks_for(other, kTile<T>);
  return std::max<int64_t>(1, std::min(tiles, kBlocksWanted / std::max<int64_t>(1, panels)));
}

template <class T>
void run_sweep(const Launch& launch, const Sweep<T>& task, const Profile<T>& profile, int64_t segments) {
  if (task.own_count == 0) return;
  const dim3 grid(
      static_cast<unsigned>(blocks_for(task.own_count, kTile<T>)), static_cast<unsigned>(segments));
  sweep<T><<<grid, square_block(), 0, launch.stream()>>>(task, profile);
  check_launch();
}

// One sample: its roots on the device.
template <class T>
struct Sample {
  Sample(const Launch& launch, const Tensor& log_rows)
      : count(log_rows.size(0)), K(log_rows.size(1)), memory(log_rows, count * K) {
    if (count * K == 0) return;
    roots<T><<<blocks_for(count * K, kLine), kLine, 0, launch.stream()>>>(
        log_rows.const_data_ptr<T>(), count * K, memory.get());
    check_launch();
  }
  int64_t count, K;
  Buffer<T> memory;
};

// One pass of `own` against `other`: totals and, if asked for, gradient sums.
template <class T>
struct Pass {
  Pass(
      const Launch& launch, const Tensor& like, const Sample<T>& own, const Sample<T>& other,
      const Profile<T>& profile, bool skip_diagonal, bool want_sums)
      : segments(segments_for<T>(own.count, other.count)),
        blocks(blocks_for(own.count, kTile<T>) * segments),
        totals(like, blocks),
        sums(like, want_sums ? segments * own.count * own.K : 0) {
    Sweep<T> task{own.memory.get(), other.memory.get(), own.count, other.count, own.K};
    task.skip_diagonal = skip_diagonal;
    task.totals = totals.get();
    task.sums = want_sums ? sums.get() : nullptr;
    run_sweep(launch, task, profile, segments);
  }
  int64_t segments, blocks;
  Buffer<double> totals;
  Buffer<T> sums;
};

ScalarType check(const char* op, const Tensor& log_q, const Tensor& log_p, double t) {
  check_matrix(op, "log_q", log_q);
  check_matrix(op, "log_p", log_p);
  check_columns(op, "log_q", log_q, "log_p", log_p);
  STD_TORCH_CHECK(t > 0.0, op, ": t must be positive, but is ", t);
  return check_types(op, log_q, log_p);
}

Tensor empty_grad(const Tensor& x, bool wanted) {
  if (wanted) return new_empty(x, x.sizes());
  const std::array<int64_t, 1> none{0};
  return new_empty(x, {none.data(), none.size()});
}

template <class T>
void write_gradient(
    const Launch& launch, const Sample<T>& own, const Pass<T>& within, const Pass<T>& across,
    Tensor& grad) {
  const int64_t count = own.count * own.K;
  finish_gradient<T><<<blocks_for(count, kLine), kLine, 0, launch.stream()>>>(
      own.memory.get(), count, within.sums.get(), within.segments, across.sums.get(),
      across.segments, grad.mutable_data_ptr<T>());
  check_launch();
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
  const Launch launch(log_q_in);
  const Tensor log_q = row_major(log_q_in), log_p = row_major(log_p_in);
  Tensor value = new_empty(log_q, {});
  Tensor grad_q = empty_grad(log_q, want_q), grad_p = empty_grad(log_p, want_p);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const double n = static_cast<double>(log_q.size(0)), m = static_cast<double>(log_p.size(0));
    const double weight_q = 1.0 / (unbiased ? n * (n - 1.0) : n * n);
    const double weight_p = 1.0 / (unbiased ? m * (m - 1.0) : m * m);
    const double weight_cross = -2.0 / (n * m);
    const Sample<T> q(launch, log_q), p(launch, log_p);
    const Profile<T> profile(t);
    // A point meets each other point of its own sample twice, as row and as column.
    const Pass<T> within_q(
        launch, log_q, q, q, profile.scaled(2.0 * weight_q), unbiased, want_q);
    const Pass<T> within_p(
        launch, log_q, p, p, profile.scaled(2.0 * weight_p), unbiased, want_p);
    const Profile<T> across = profile.scaled(weight_cross);
    const Pass<T> cross_q(launch, log_q, q, p, across, false, want_q);
    if (want_q) write_gradient(launch, q, within_q, cross_q, grad_q);
    if (want_p) {
      const Pass<T> cross_p(launch, log_q, p, q, across, false, true);
      write_gradient(launch, p, within_p, cross_p, grad_p);
    }
    const Totals all{
        {within_q.totals.get(), within_p.totals.get(), cross_q.totals.get()},
        {within_q.blocks, within_p.blocks, cross_q.blocks},
        {weight_q, weight_p, weight_cross}};
    finish_value<T><<<1, square_block(), 0, launch.stream()>>>(all, value.mutable_data_ptr<T>());
    check_launch();
  });
  return {value, grad_q, grad_p};
}

Tensor mmd(const Tensor& log_q, const Tensor& log_p, double t, bool unbiased) {
  return std::get<0>(mmd_grad(log_q, log_p, t, unbiased, false, false));
}

Tensor matrix(const Tensor& log_q_in, const Tensor& log_p_in, double t) {
  const ScalarType type = check("diffusion_kernel", log_q_in, log_p_in, t);
  const Launch launch(log_q_in);
  const Tensor log_q = row_major(log_q_in), log_p = row_major(log_p_in);
  const std::array<int64_t, 2> shape{log_q.size(0), log_p.size(0)};
  Tensor out = new_empty(log_q, {shape.data(), shape.size()});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Sample<T> q(launch, log_q), p(launch, log_p);
    Sweep<T> task{q.memory.get(), p.memory.get(), q.count, p.count, q.K};
    task.matrix = out.mutable_data_ptr<T>();
    run_sweep(launch, task, Profile<T>(t), segments_for<T>(q.count, p.count));
  });
  return out;
}

template <class T>
void backward_side(
    const Launch& launch, const Sample<T>& own, const Sample<T>& other, const Profile<T>& profile,
    const T* grad, int64_t own_step, int64_t other_step, Tensor& out) {
  if (own.count == 0) return;
  const int64_t segments = segments_for<T>(own.count, other.count);
  const int64_t count = own.count * own.K;
  const Buffer<T> sums(out, segments * count);
  Sweep<T> task{own.memory.get(), other.memory.get(), own.count, other.count, own.K};
  task.weight = grad;
  task.own_step = own_step;
  task.other_step = other_step;
  task.sums = sums.get();
  run_sweep(launch, task, profile, segments);
  finish_gradient<T><<<blocks_for(count, kLine), kLine, 0, launch.stream()>>>(
      own.memory.get(), count, sums.get(), segments, static_cast<const T*>(nullptr), 0,
      out.mutable_data_ptr<T>());
  check_launch();
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
  const Launch launch(log_q_in);
  const Tensor grad = row_major(grad_in);
  const Tensor log_q = row_major(log_q_in), log_p = row_major(log_p_in);
  Tensor grad_q = empty_grad(log_q, want_q), grad_p = empty_grad(log_p, want_p);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Sample<T> q(launch, log_q), p(launch, log_p);
    const Profile<T> profile(t);
    const T* weights = grad.const_data_ptr<T>();
    if (want_q) backward_side(launch, q, p, profile, weights, p.count, int64_t(1), grad_q);
    if (want_p) backward_side(launch, p, q, profile, weights, int64_t(1), p.count, grad_p);
  });
  return {grad_q, grad_p};
}

}  // namespace
}  // namespace cuda
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CUDA, m) {
  m.impl("diffusion_mmd", TORCH_BOX(&topicforge::cuda::mmd));
  m.impl("_diffusion_mmd_grad", TORCH_BOX(&topicforge::cuda::mmd_grad));
  m.impl("diffusion_kernel", TORCH_BOX(&topicforge::cuda::matrix));
  m.impl("_diffusion_kernel_backward", TORCH_BOX(&topicforge::cuda::matrix_backward));
}
