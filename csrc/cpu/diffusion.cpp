#include "ops/diffusion.h"

#include "cpu/diffusion_profile.h"
#include "cpu/tiles.h"

namespace topicforge {
namespace {

// Rows per tile: with K = 50 a tile of rows, its weights and two panels fit the first cache.
constexpr int64_t kTile = 72;
static_assert(kTile % kBlock == 0, "a tile is made of whole register blocks");

// sqrt of the probabilities of one sample, row-major, with kBlock rows of zeros behind it so
// that a register block may read past the end.
template <class T>
struct Roots {
  Roots(const T* log_rows, int64_t count, int64_t K, const Pool& pool)
      : count(count), K(K), memory(pool, (count + kBlock) * K) {
    constexpr int64_t chunk = 64;
    for_tasks<T>(pool, (count + chunk - 1) / chunk, 0, [&](int64_t task, T*) {
      const int64_t first = task * chunk, last = first + chunk < count ? first + chunk : count;
      exponential_of(log_rows + first * K, T(0.5), memory.get() + first * K, (last - first) * K);
    });
    for (int64_t i = count * K; i < (count + kBlock) * K; ++i) memory[i] = T(0);
  }
  const T* row(int64_t i) const { return memory.get() + i * K; }
  int64_t panels() const { return (count + kPanel<T> - 1) / kPanel<T>; }
  int64_t valid(int64_t panel) const {
    const int64_t left = count - panel * kPanel<T>;
    return left < kPanel<T> ? left : kPanel<T>;
  }

  int64_t count, K;
  Scratch<T> memory;
};

// Scratch of one worker: the panel's roots, its gradient sums, the weights of a tile.
template <class T>
struct Workspace {
  Workspace(T* memory, int64_t K)
      : panel(memory), sums(panel + K * kPanel<T>), weights(sums + K * kPanel<T>) {}
  static int64_t size(int64_t K) { return (2 * K + kTile) * kPanel<T>; }
  T *panel, *sums, *weights;
};

// Adds k(x) of rows [first, last) against the panel to totals (one double per point), and with
// `with_slope` adds Σ_j k'(x_ij) row_j to the panel's sums. Pairs with j - offset = lane are
// left out (offset < 0: none), which is how a sample leaves out its diagonal.
template <class T, bool direct, bool with_slope>
void sweep(
    const Profile<T>& profile, const Roots<T>& rows, int64_t first, int64_t last, int64_t offset,
    const Workspace<T>& space, double* totals) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const int64_t K = rows.K;
  for (int64_t tile = first; tile < last; tile += kTile) {
    const int64_t count = last - tile < kTile ? last - tile : kTile;
    for (int64_t block = 0; block < count; block += kBlock) {
      const int64_t j = tile + block;
      const int64_t height = count - block < kBlock ? count - block : kBlock;
      Vec<T> acc[kBlock][2];
      products(rows.row(j), K, space.panel, K, acc);
      Vec<T> total[2] = {};
      const bool diagonal = offset >= 0 && j < offset + P && j + height > offset;
      if (height == kBlock && !diagonal) {
        TOPICFORGE_UNROLL
        for (int r = 0; r < kBlock; ++r) {
          Vec<T> value[2], slope[2];
          evaluate<T, direct, with_slope>(profile, acc[r][0], value[0], slope[0]);
          evaluate<T, direct, with_slope>(profile, acc[r][1], value[1], slope[1]);
          total[0] += value[0];
          total[1] += value[1];
          if (with_slope) {
            store<T>(space.weights + (block + r) * P, slope[0]);
            store<T>(space.weights + (block + r) * P + L, slope[1]);
          }
        }
      } else {
        T x[kBlock][2 * L];
        for (int r = 0; r < kBlock; ++r) {
          store<T>(x[r], acc[r][0]);
          store<T>(x[r] + L, acc[r][1]);
        }
        for (int64_t r = 0; r < height; ++r) {
          for (int side = 0; side < 2; ++side) {
            Vec<T> value, slope{};
            evaluate<T, direct, with_slope>(profile, load(x[r] + side * L), value, slope);
            const int64_t lane = j + r - offset - side * L;
            if (diagonal && lane >= 0 && lane < L) value[lane] = slope[lane] = T(0);
            total[side] += value;
            if (with_slope) store<T>(space.weights + (block + r) * P + side * L, slope);
          }
        }
      }
      T lanes[P];
      store<T>(lanes, total[0]);
      store<T>(lanes + L, total[1]);
      for (int i = 0; i < P; ++i) totals[i] += static_cast<double>(lanes[i]);
    }
    if (with_slope) add_weighted(rows.row(tile), K, space.weights, count, K, space.sums);
  }
}

template <class T, bool with_slope>
void sweep(
    const Profile<T>& profile, const Roots<T>& rows, int64_t first, int64_t last, int64_t offset,
    const Workspace<T>& space, double* totals) {
  if (profile.direct) {
    sweep<T, true, with_slope>(profile, rows, first, last, offset, space, totals);
  } else {
    sweep<T, false, with_slope>(profile, rows, first, last, offset, space, totals);
  }
}

template <class T>
double sum_valid(const double* totals, int64_t valid) {
  double total = 0.0;
  for (int64_t i = 0; i < valid; ++i) total += totals[i];
  return total;
}

// d log q = ½ sqrt(q) d sqrt(q), from the panel's sums back to rows.
template <class T>
void write_gradient(const Roots<T>& roots, int64_t panel, const T* sums, T* grad) {
  constexpr int P = kPanel<T>;
  const int64_t K = roots.K, start = panel * P;
  for (int64_t i = 0; i < roots.valid(panel); ++i) {
    const T* row = roots.row(start + i);
    T* out = grad + (start + i) * K;
    for (int64_t k = 0; k < K; ++k) out[k] = T(0.5) * row[k] * sums[k * P + i];
  }
}

// One sample's panels: its within-sample sum, and the cross sum if it is the sample that makes
// it, with the gradients of both where they are wanted.
template <class T>
void run_panel(
    const Roots<T>& own, const Roots<T>& other, int64_t panel, bool unbiased, bool with_cross,
    const Profile<T>& within, const Profile<T>& across, T* grad, T* memory, double* within_out,
    double* across_out) {
  constexpr int P = kPanel<T>;
  const Workspace<T> space(memory, own.K);
  const int64_t start = panel * P, valid = own.valid(panel);
  fill_panel(own.row(start), own.K, valid, own.K, space.panel);
  const int64_t offset = unbiased ? start : -1;
  double totals[P] = {};
  if (grad != nullptr) {
    for (int64_t i = 0; i < own.K * P; ++i) space.sums[i] = T(0);
    sweep<T, true>(within, own, 0, own.count, offset, space, totals);
    *within_out = sum_valid<T>(totals, valid);
    double cross[P] = {};
    sweep<T, true>(across, other, 0, other.count, -1, space, cross);
    *across_out = sum_valid<T>(cross, valid);
    write_gradient(own, panel, space.sums, grad);
    return;
  }
  // The within-sample sum is symmetric: rows behind the panel count twice, those before not.
  double behind[P] = {};
  sweep<T, false>(within, own, start, start + valid, offset, space, totals);
  sweep<T, false>(within, own, start + valid, own.count, -1, space, behind);
  *within_out = sum_valid<T>(totals, valid) + 2.0 * sum_valid<T>(behind, valid);
  *across_out = 0.0;
  if (with_cross) {
    double cross[P] = {};
    sweep<T, false>(across, other, 0, other.count, -1, space, cross);
    *across_out = sum_valid<T>(cross, valid);
  }
}

template <class T>
void mmd(
    const DiffusionProblem<T>& problem, bool unbiased, T* value, T* grad_q, T* grad_p,
    const Pool& pool) {
  const double n = static_cast<double>(problem.n), m = static_cast<double>(problem.m);
  const double weight_q = 1.0 / (unbiased ? n * (n - 1.0) : n * n);
  const double weight_p = 1.0 / (unbiased ? m * (m - 1.0) : m * m);
  const double weight_cross = -2.0 / (n * m);
  const Roots<T> q(problem.log_q, problem.n, problem.K, pool);
  const Roots<T> p(problem.log_p, problem.m, problem.K, pool);
  // A point meets each other point of its own sample twice, as row and as column.
  const Profile<T> profile(problem.t);
  const Profile<T> within_q = profile.scaled(2.0 * weight_q);
  const Profile<T> within_p = profile.scaled(2.0 * weight_p);
  const Profile<T> across = profile.scaled(weight_cross);
  // The cross sum is made by q unless only p's gradient needs it anyway.
  const bool cross_by_q = grad_q != nullptr || grad_p == nullptr;
  const int64_t tasks = q.panels() + p.panels();
  Scratch<double> sums(pool, 2 * tasks);
  for_tasks<T>(pool, tasks, Workspace<T>::size(problem.K), [&](int64_t task, T* memory) {
    double* out = sums.get() + 2 * task;
    if (task < q.panels()) {
      run_panel(
          q, p, task, unbiased, cross_by_q, within_q, across, grad_q, memory, out, out + 1);
    } else {
      run_panel(
          p, q, task - q.panels(), unbiased, !cross_by_q, within_p, across, grad_p, memory, out,
          out + 1);
    }
  });
  double sum_q = 0.0, sum_p = 0.0, cross_q = 0.0, cross_p = 0.0;
  for (int64_t i = 0; i < q.panels(); ++i) sum_q += sums[2 * i], cross_q += sums[2 * i + 1];
  for (int64_t i = q.panels(); i < tasks; ++i) sum_p += sums[2 * i], cross_p += sums[2 * i + 1];
  const double sum_cross = cross_by_q ? cross_q : cross_p;
  *value = static_cast<T>(weight_q * sum_q + weight_p * sum_p + weight_cross * sum_cross);
}

// Panels over p, so that a row of q fills a stretch of a row of the result.
template <class T, bool direct>
void matrix_panel(
    const Profile<T>& profile, const Roots<T>& q, const Roots<T>& p, int64_t panel, T* memory,
    T* out) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const Workspace<T> space(memory, p.K);
  const int64_t start = panel * P, valid = p.valid(panel);
  fill_panel(p.row(start), p.K, valid, p.K, space.panel);
  for (int64_t i = 0; i < q.count; i += kBlock) {
    Vec<T> acc[kBlock][2];
    products(q.row(i), p.K, space.panel, p.K, acc);
    const int64_t height = q.count - i < kBlock ? q.count - i : kBlock;
    T lanes[kBlock][P];
    TOPICFORGE_UNROLL
    for (int r = 0; r < kBlock; ++r) {
      Vec<T> value[2], slope;
      evaluate<T, direct, false>(profile, acc[r][0], value[0], slope);
      evaluate<T, direct, false>(profile, acc[r][1], value[1], slope);
      store<T>(lanes[r], value[0]);
      store<T>(lanes[r] + L, value[1]);
    }
    for (int64_t r = 0; r < height; ++r) {
      T* row = out + (i + r) * p.count + start;
      for (int64_t c = 0; c < valid; ++c) row[c] = lanes[r][c];
    }
  }
}

template <class T>
void matrix(const DiffusionProblem<T>& problem, T* out, const Pool& pool) {
  const Roots<T> q(problem.log_q, problem.n, problem.K, pool);
  const Roots<T> p(problem.log_p, problem.m, problem.K, pool);
  const Profile<T> profile(problem.t);
  for_tasks<T>(
      pool, p.panels(), Workspace<T>::size(problem.K), [&](int64_t panel, T* memory) {
        if (profile.direct) {
          matrix_panel<T, true>(profile, q, p, panel, memory, out);
        } else {
          matrix_panel<T, false>(profile, q, p, panel, memory, out);
        }
      });
}

// Gradient of one panel of `own`: Σ_j grad_ij k'(x_ij) row_j over the rows of `other`. The
// gradient of the pair (own i, other j) is grad[i * step_own + j * step_other].
template <class T, bool direct>
void backward_panel(
    const Profile<T>& profile, const Roots<T>& own, const Roots<T>& other, int64_t panel,
    const T* grad, int64_t step_own, int64_t step_other, T* memory, T* out) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const Workspace<T> space(memory, own.K);
  const int64_t start = panel * P, valid = own.valid(panel), K = own.K;
  fill_panel(own.row(start), K, valid, K, space.panel);
  for (int64_t i = 0; i < K * P; ++i) space.sums[i] = T(0);
  for (int64_t tile = 0; tile < other.count; tile += kTile) {
    const int64_t count = other.count - tile < kTile ? other.count - tile : kTile;
    for (int64_t block = 0; block < count; block += kBlock) {
      Vec<T> acc[kBlock][2];
      products(other.row(tile + block), K, space.panel, K, acc);
      TOPICFORGE_UNROLL
      for (int r = 0; r < kBlock; ++r) {
        Vec<T> value, slope[2];
        evaluate<T, direct, true>(profile, acc[r][0], value, slope[0]);
        evaluate<T, direct, true>(profile, acc[r][1], value, slope[1]);
        store<T>(space.weights + (block + r) * P, slope[0]);
        store<T>(space.weights + (block + r) * P + L, slope[1]);
      }
    }
    for (int64_t j = 0; j < count; ++j) {
      const T* weight = grad + start * step_own + (tile + j) * step_other;
      for (int64_t i = 0; i < valid; ++i) space.weights[j * P + i] *= weight[i * step_own];
    }
    add_weighted(other.row(tile), K, space.weights, count, K, space.sums);
  }
  write_gradient(own, panel, space.sums, out);
}

template <class T>
void backward(
    const DiffusionProblem<T>& problem, const T* grad, T* grad_q, T* grad_p, const Pool& pool) {
  const Roots<T> q(problem.log_q, problem.n, problem.K, pool);
  const Roots<T> p(problem.log_p, problem.m, problem.K, pool);
  const Profile<T> profile(problem.t);
  const int64_t from_q = grad_q == nullptr ? 0 : q.panels();
  const int64_t tasks = from_q + (grad_p == nullptr ? 0 : p.panels());
  for_tasks<T>(pool, tasks, Workspace<T>::size(problem.K), [&](int64_t task, T* memory) {
    const bool is_q = task < from_q;
    const Roots<T>& own = is_q ? q : p;
    const Roots<T>& other = is_q ? p : q;
    const int64_t panel = is_q ? task : task - from_q;
    const int64_t step_own = is_q ? p.count : 1, step_other = is_q ? 1 : p.count;
    T* out = is_q ? grad_q : grad_p;
    if (profile.direct) {
      backward_panel<T, true>(
          profile, own, other, panel, grad, step_own, step_other, memory, out);
    } else {
      backward_panel<T, false>(
          profile, own, other, panel, grad, step_own, step_other, memory, out);
    }
  });
}

template <class T>
constexpr DiffusionFunctions<T> functions = {mmd<T>, matrix<T>, backward<T>};

}  // namespace

TOPICFORGE_DEFINE_KERNELS(DiffusionFunctions, diffusion)

}  // namespace topicforge
