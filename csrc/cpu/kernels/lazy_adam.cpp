#include "cpu/kernels/lazy_adam.h"

#include "cpu/kernels/square_root.h"
#include "cpu/kernels/vector.h"

namespace topicforge {
namespace {

// Numbers a task: 4 of every 4 bytes are read, 3 written.
constexpr int64_t kNumbersPerTask = 16 * 1024;

template <class T>
struct Step {
  Vec<T> size, keep_mean, keep_square, add_square, root, eps, weight_decay;

  explicit Step(const AdamStep& s)
      : size(splat<T>(static_cast<T>(s.size))),
        keep_mean(splat<T>(static_cast<T>(1.0 - s.beta1))),
        keep_square(splat<T>(static_cast<T>(s.beta2))),
        add_square(splat<T>(static_cast<T>(1.0 - s.beta2))),
        root(splat<T>(static_cast<T>(s.root))),
        eps(splat<T>(static_cast<T>(s.eps))),
        weight_decay(splat<T>(static_cast<T>(s.weight_decay))) {}

  void at(T* weight, T* mean, T* square, const T* grad) const {
    const Vec<T> w = load(weight), before = load(mean);
    const Vec<T> g = load(grad) + weight_decay * w;
    const Vec<T> m = before + keep_mean * (g - before);
    const Vec<T> v = keep_square * load(square) + add_square * g * g;
    store<T>(mean, m);
    store<T>(square, v);
    store<T>(weight, w - size * m / (square_root<T>(v) * root + eps));
  }
};

// The next row is elsewhere: its numbers are fetched while these are worked on.
template <class T>
void update_row(
    T* w, T* m, T* v, const T* g, int64_t H, const Step<T>& step, int64_t to_next) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t h = 0;
  for (; h + lanes <= H; h += lanes) {
    if (to_next != 0) {
      __builtin_prefetch(w + to_next + h, 1);
      __builtin_prefetch(m + to_next + h, 1);
      __builtin_prefetch(v + to_next + h, 1);
    }
    step.at(w + h, m + h, v + h, g + h);
  }
  if (h == H) return;
  // What is behind the row belongs to others: the last numbers are worked on in a copy.
  T tail[4][lanes] = {};
  for (int64_t i = h; i < H; ++i) {
    tail[0][i - h] = w[i];
    tail[1][i - h] = m[i];
    tail[2][i - h] = v[i];
    tail[3][i - h] = g[i];
  }
  step.at(tail[0], tail[1], tail[2], tail[3]);
  for (int64_t i = h; i < H; ++i) {
    w[i] = tail[0][i - h];
    m[i] = tail[1][i - h];
    v[i] = tail[2][i - h];
  }
}

template <class T>
void update(
    T* weight, T* mean, T* square, const int64_t* row, const T* grad, int64_t rows, int64_t H,
    const AdamStep& numbers, const Pool& pool) {
  if (H == 0) return;
  const int64_t fitting = kNumbersPerTask / H, per_task = fitting > 0 ? fitting : 1;
  for_tasks<T>(pool, (rows + per_task - 1) / per_task, 0, [&](int64_t task, T*) {
    const Step<T> step(numbers);
    const int64_t first = task * per_task, end = first + per_task < rows ? first + per_task : rows;
    for (int64_t r = first; r < end; ++r) {
      const int64_t at = row[r] * H, next = r + 1 < end ? row[r + 1] * H - at : 0;
      update_row<T>(weight + at, mean + at, square + at, grad + r * H, H, step, next);
    }
  });
}

}  // namespace

extern const LazyAdamKernels TOPICFORGE_TABLE_NAME(lazy_adam);
const LazyAdamKernels TOPICFORGE_TABLE_NAME(lazy_adam) = {{update<float>}, {update<double>}};

}  // namespace topicforge
