#include "cuda/diffusion.cuh"

#include <algorithm>

#include "cuda/launch.h"
#include "ops/diffusion.h"

namespace topicforge {
namespace cuda {
namespace {

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
  Sample(const Launch& launch, const T* log_rows, int64_t count, int64_t K)
      : count(count), K(K), memory(launch, count * K) {
    if (count * K == 0) return;
    roots<T><<<blocks_for(count * K, kLine), kLine, 0, launch.stream()>>>(
        log_rows, count * K, memory.get());
    check_launch();
  }
  int64_t count, K;
  Buffer<T> memory;
};

// One pass of `own` against `other`: totals and, where wanted, gradient sums.
template <class T>
struct Pass {
  Pass(
      const Launch& launch, const Sample<T>& own, const Sample<T>& other,
      const Profile<T>& profile, bool skip_diagonal, bool want_sums)
      : segments(segments_for<T>(own.count, other.count)),
        blocks(blocks_for(own.count, kTile<T>) * segments),
        totals(launch, blocks),
        sums(launch, want_sums ? segments * own.count * own.K : 0) {
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

template <class T>
void write_gradient(
    const Launch& launch, const Sample<T>& own, const Pass<T>& within, const Pass<T>& across,
    T* grad) {
  const int64_t count = own.count * own.K;
  finish_gradient<T><<<blocks_for(count, kLine), kLine, 0, launch.stream()>>>(
      own.memory.get(), count, within.sums.get(), within.segments, across.sums.get(),
      across.segments, grad);
  check_launch();
}

template <class T>
void mmd(
    const DiffusionProblem<T>& of, bool unbiased, T* value, T* grad_q, T* grad_p,
    const Launch& launch) {
  const double n = static_cast<double>(of.n), m = static_cast<double>(of.m);
  const double weight_q = 1.0 / (unbiased ? n * (n - 1.0) : n * n);
  const double weight_p = 1.0 / (unbiased ? m * (m - 1.0) : m * m);
  const double weight_cross = -2.0 / (n * m);
  const Sample<T> q(launch, of.log_q, of.n, of.K), p(launch, of.log_p, of.m, of.K);
  const Profile<T> profile(of.t);
  const bool want_q = grad_q != nullptr, want_p = grad_p != nullptr;
  // A point meets each other point of its own sample twice, as row and as column.
  const Pass<T> within_q(launch, q, q, profile.scaled(2.0 * weight_q), unbiased, want_q);
  const Pass<T> within_p(launch, p, p, profile.scaled(2.0 * weight_p), unbiased, want_p);
  const Profile<T> across = profile.scaled(weight_cross);
  const Pass<T> cross_q(launch, q, p, across, false, want_q);
  if (want_q) write_gradient(launch, q, within_q, cross_q, grad_q);
  if (want_p) {
    const Pass<T> cross_p(launch, p, q, across, false, true);
    write_gradient(launch, p, within_p, cross_p, grad_p);
  }
  const Totals all{
      {within_q.totals.get(), within_p.totals.get(), cross_q.totals.get()},
      {within_q.blocks, within_p.blocks, cross_q.blocks},
      {weight_q, weight_p, weight_cross}};
  finish_value<T><<<1, square_block(), 0, launch.stream()>>>(all, value);
  check_launch();
}

template <class T>
void matrix(const DiffusionProblem<T>& of, T* out, const Launch& launch) {
  const Sample<T> q(launch, of.log_q, of.n, of.K), p(launch, of.log_p, of.m, of.K);
  Sweep<T> task{q.memory.get(), p.memory.get(), q.count, p.count, q.K};
  task.matrix = out;
  run_sweep(launch, task, Profile<T>(of.t), segments_for<T>(q.count, p.count));
}

template <class T>
void backward_side(
    const Launch& launch, const Sample<T>& own, const Sample<T>& other, const Profile<T>& profile,
    const T* grad, int64_t own_step, int64_t other_step, T* out) {
  if (own.count == 0) return;
  const int64_t segments = segments_for<T>(own.count, other.count);
  const int64_t count = own.count * own.K;
  const Buffer<T> sums(launch, segments * count);
  Sweep<T> task{own.memory.get(), other.memory.get(), own.count, other.count, own.K};
  task.weight = grad;
  task.own_step = own_step;
  task.other_step = other_step;
  task.sums = sums.get();
  run_sweep(launch, task, profile, segments);
  finish_gradient<T><<<blocks_for(count, kLine), kLine, 0, launch.stream()>>>(
      own.memory.get(), count, sums.get(), segments, static_cast<const T*>(nullptr), 0, out);
  check_launch();
}

template <class T>
void backward(
    const DiffusionProblem<T>& of, const T* grad, T* grad_q, T* grad_p, const Launch& launch) {
  const Sample<T> q(launch, of.log_q, of.n, of.K), p(launch, of.log_p, of.m, of.K);
  const Profile<T> profile(of.t);
  if (grad_q != nullptr) {
    backward_side(launch, q, p, profile, grad, p.count, int64_t(1), grad_q);
  }
  if (grad_p != nullptr) {
    backward_side(launch, p, q, profile, grad, int64_t(1), p.count, grad_p);
  }
}

template <class T>
constexpr DiffusionFunctions<T> functions = {mmd<T>, matrix<T>, backward<T>};

}  // namespace
}  // namespace cuda

using cuda::functions;
TOPICFORGE_DEFINE_KERNELS(DiffusionFunctions, diffusion)

}  // namespace topicforge
