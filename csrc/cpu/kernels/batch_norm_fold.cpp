// Words in tiles of kTile: a tile of W times C is one small matrix product, used and forgotten, and
// the backward makes it again, which costs less than reading V x K numbers back. Rows of a tile are
// copied to whole vectors, filled up with zeros, so that no loop has a tail.
//
// A task is a chunk of words; the chunks depend on the sizes alone. It owns its words' results and
// adds to copies of the gradients of m and C that are its own; the copies are summed in order.
#include "cpu/kernels/batch_norm_fold.h"

#include "cpu/kernels/square_root.h"
#include "cpu/kernels/word_tiles.h"

namespace topicforge {
namespace {

constexpr int64_t kMostChunks = 16;

// K filled up to whole panels; C as panels of its columns (it is symmetric: of its rows) and m, both
// filled up with zeros.
template <class T>
struct Moments {
  static constexpr int P = kPanel<T>;

  Moments(const Pool& pool, const FoldProblem<T>& problem)
      : panels(divide_up(problem.K, P)),
        width(panels * P),
        covariance(pool, panels * problem.K * P),
        mean(pool, width) {
    const int64_t K = problem.K;
    for (int64_t panel = 0; panel < panels; ++panel) {
      const int64_t first = panel * P, left = K - first;
      fill_panel(
          problem.covariance + first * K, K, left < P ? left : P, K,
          covariance.get() + panel * K * P);
    }
    for (int64_t k = 0; k < width; ++k) mean[k] = k < K ? problem.mean[k] : T(0);
  }

  int64_t panels, width;
  Scratch<T> covariance, mean;
};

// to[r][0, width) = from[r][0, K) and zeros, r < valid; rows of zeros up to kTile.
template <class T>
inline void copy_tile(const T* from, int64_t valid, int64_t K, int64_t width, T* to) {
  for (int64_t r = 0; r < kTile; ++r) {
    T* row = to + r * width;
    int64_t k = 0;
    if (r < valid) {
      for (; k + kLanes<T> <= K; k += kLanes<T>) store<T>(row + k, load(from + r * K + k));
      for (; k < K; ++k) row[k] = from[r * K + k];
    }
    for (; k < width; ++k) row[k] = T(0);
  }
}

// to[0, K) = from[0, K), of which `from` has whole vectors and `to` has not.
template <class T>
inline void copy_row(const T* from, int64_t K, T* to) {
  int64_t k = 0;
  for (; k + kLanes<T> <= K; k += kLanes<T>) store<T>(to + k, load(from + k));
  for (; k < K; ++k) to[k] = from[k];
}

// products[r][0, width) = the tile's rows times C.
template <class T>
inline void times_covariance(const T* rows, const Moments<T>& moments, int64_t K, T* out) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  for (int64_t panel = 0; panel < moments.panels; ++panel) {
    for (int r = 0; r < kTile; r += kBlock) {
      Vec<T> acc[kBlock][2];
      products(
          rows + r * moments.width, moments.width, moments.covariance.get() + panel * K * P, K,
          acc);
      TOPICFORGE_UNROLL
      for (int i = 0; i < kBlock; ++i) {
        T* at = out + (r + i) * moments.width + panel * P;
        store<T>(at, acc[i][0]);
        store<T>(at + L, acc[i][1]);
      }
    }
  }
}

template <class T>
inline T dot(const T* a, const T* b, int64_t width) {
  Vec<T> even = {}, odd = {};
  for (int64_t k = 0; k < width; k += kPanel<T>) {
    even += load(a + k) * load(b + k);
    odd += load(a + k + kLanes<T>) * load(b + k + kLanes<T>);
  }
  return sum<T>(even + odd);
}

template <class T>
inline T reciprocal_root(T x) {
  const Vec<T> root = square_root<T>(splat<T>(x));
  T lanes[kLanes<T>];
  store<T>(lanes, root);
  return T(1) / lanes[0];
}

template <class T>
void forward(const FoldProblem<T>& problem, const FoldResult<T>& out, const Pool& pool) {
  const int64_t V = problem.V, K = problem.K;
  const Moments<T> moments(pool, problem);
  const int64_t width = moments.width, chunk = words_per_chunk(V, kMostChunks);
  for_tasks<T>(pool, divide_up(V, chunk), 2 * kTile * width, [&](int64_t task, T* scratch) {
    T *rows = scratch, *projected = scratch + kTile * width;
    const int64_t end = (task + 1) * chunk < V ? (task + 1) * chunk : V;
    for (int64_t first = task * chunk; first < end; first += kTile) {
      const int64_t valid = end - first < kTile ? end - first : kTile;
      copy_tile(problem.weight + first * K, valid, K, width, rows);
      times_covariance(rows, moments, K, projected);
      for (int64_t r = 0; r < valid; ++r) {
        const int64_t v = first + r;
        T* row = rows + r * width;
        const T y = dot(row, moments.mean.get(), width);
        const T var = dot(row, projected + r * width, width);
        const T scale = problem.gain[v] * reciprocal_root(var + problem.eps);
        out.mean[v] = y;
        out.var[v] = var;
        out.shift[v] = -y * scale;
        for (int64_t k = 0; k < width; k += kLanes<T>) store<T>(row + k, load(row + k) * scale);
        copy_row(row, K, out.folded + v * K);
      }
    }
  });
}

template <class T>
void backward(
    const FoldProblem<T>& problem, const T* grad, const T* grad_shift, const T* y, const T* var,
    const FoldGradients<T>& out, const Pool& pool) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const int64_t V = problem.V, K = problem.K;
  const Moments<T> moments(pool, problem);
  const int64_t width = moments.width;
  const int64_t chunk = words_per_chunk(V, kMostChunks), chunks = divide_up(V, chunk);
  // A task's own gradients: (width,) of m, then (K, P) of each panel of C's columns.
  const int64_t own = width + K * width;
  const Scratch<T> partial(pool, chunks * own);
  for_tasks<T>(pool, chunks, 4 * kTile * width, [&](int64_t task, T* scratch) {
    T *rows = scratch, *projected = rows + kTile * width, *grads = projected + kTile * width;
    T* pulled = grads + kTile * width;  // dv w, a panel of columns after the other
    T* grad_mean = partial.get() + task * own;
    T* grad_covariance = grad_mean + width;
    for (int64_t i = 0; i < own; ++i) grad_mean[i] = T(0);
    const int64_t end = (task + 1) * chunk < V ? (task + 1) * chunk : V;
    for (int64_t first = task * chunk; first < end; first += kTile) {
      const int64_t valid = end - first < kTile ? end - first : kTile;
      copy_tile(problem.weight + first * K, valid, K, width, rows);
      copy_tile(grad + first * K, valid, K, width, grads);
      times_covariance(rows, moments, K, projected);
      for (int64_t i = valid * P; i < kTile * P; ++i) {
        for (int64_t panel = 0; panel < moments.panels; ++panel) pulled[panel * kTile * P + i] = T(0);
      }
      for (int64_t r = 0; r < valid; ++r) {
        const int64_t v = first + r;
        const T *w = rows + r * width, *p = projected + r * width;
        T* g = grads + r * width;
        const T root = reciprocal_root(var[v] + problem.eps), scale = problem.gain[v] * root;
        const T grad_scale = dot(g, w, width) - grad_shift[v] * y[v];
        const T grad_var = T(-0.5) * grad_scale * scale * root * root;
        const T grad_y = -grad_shift[v] * scale, twice = T(2) * grad_var;
        out.gain[v] = grad_scale * root;
        for (int64_t k = 0; k < width; k += L) {
          const Vec<T> at = load(w + k);
          store<T>(grad_mean + k, load(grad_mean + k) + at * grad_y);
          store<T>(pulled + k / P * kTile * P + r * P + k % P, at * grad_var);
          store<T>(
              g + k, load(g + k) * scale + load(moments.mean.get() + k) * grad_y +
                         load(p + k) * twice);
        }
        copy_row(g, K, out.weight + v * K);
      }
      for (int64_t panel = 0; panel < moments.panels; ++panel) {
        add_weighted(
            rows, width, pulled + panel * kTile * P, kTile, K, grad_covariance + panel * K * P);
      }
    }
  });
  for (int64_t k = 0; k < K; ++k) {
    T total = T(0);
    for (int64_t c = 0; c < chunks; ++c) total += partial[c * own + k];
    out.mean[k] = total;
  }
  for (int64_t i = 0; i < K; ++i) {
    for (int64_t k = 0; k < K; ++k) {
      T total = T(0);
      for (int64_t c = 0; c < chunks; ++c) {
        total += partial[c * own + width + k / P * K * P + i * P + k % P];
      }
      out.covariance[i * K + k] = total;
    }
  }
}

}  // namespace

extern const BatchNormFoldKernels TOPICFORGE_TABLE_NAME(batch_norm_fold);
const BatchNormFoldKernels TOPICFORGE_TABLE_NAME(batch_norm_fold) = {
    {forward<float>, backward<float>},
    {forward<double>, backward<double>},
};

}  // namespace topicforge
