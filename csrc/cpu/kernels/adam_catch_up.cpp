#include "cpu/kernels/adam_catch_up.h"

#include "cpu/kernels/square_root.h"
#include "cpu/kernels/vector.h"

namespace topicforge {
namespace {

// Numbers a task; rows differ in how far they are behind, so tasks are small.
constexpr int64_t kNumbersPerTask = 8 * 1024;

// w -= m sum_j size_j beta1^j / (sqrt(v) beta2^(j/2) root_j + eps), then what is left of m and v.
// Vectors of a row are taken four at a time: their divisions don't wait for each other.
template <class T>
struct Row {
  const T *factor, *scale;  // size_j beta1^j and beta2^(j/2) root_j, j = 1 ... steps
  int64_t steps;
  T mean, square, eps;

  template <int N>
  void at(T* weight, T* means, T* squares) const {
    constexpr int64_t lanes = kLanes<T>;
    Vec<T> deviation[N], sum[N];
    TOPICFORGE_UNROLL
    for (int i = 0; i < N; ++i) {
      const Vec<T> v = load(squares + i * lanes);
      deviation[i] = square_root<T>(v);
      sum[i] = Vec<T>{};
      store<T>(squares + i * lanes, v * square);
    }
    for (int64_t j = 0; j < steps; ++j) {
      const Vec<T> a = splat<T>(factor[j]), b = splat<T>(scale[j]);
      TOPICFORGE_UNROLL
      for (int i = 0; i < N; ++i) sum[i] = sum[i] + a / (deviation[i] * b + eps);
    }
    TOPICFORGE_UNROLL
    for (int i = 0; i < N; ++i) {
      const Vec<T> m = load(means + i * lanes);
      store<T>(weight + i * lanes, load(weight + i * lanes) - m * sum[i]);
      store<T>(means + i * lanes, m * mean);
    }
  }

  void all(T* weight, T* means, T* squares, int64_t H) const {
    constexpr int64_t lanes = kLanes<T>;
    int64_t h = 0;
    for (; h + 4 * lanes <= H; h += 4 * lanes) at<4>(weight + h, means + h, squares + h);
    for (; h + lanes <= H; h += lanes) at<1>(weight + h, means + h, squares + h);
    if (h == H) return;
    // What is behind the row belongs to others: the last numbers are worked on in a copy.
    T tail[3][lanes] = {};
    for (int64_t i = h; i < H; ++i) {
      tail[0][i - h] = weight[i];
      tail[1][i - h] = means[i];
      tail[2][i - h] = squares[i];
    }
    at<1>(tail[0], tail[1], tail[2]);
    for (int64_t i = h; i < H; ++i) {
      weight[i] = tail[0][i - h];
      means[i] = tail[1][i - h];
      squares[i] = tail[2][i - h];
    }
  }
};

template <class T>
void catch_up(
    T* weight, T* mean, T* square, int64_t* since, const int64_t* row, int64_t rows, int64_t H,
    const AdamSteps& all, const Pool& pool) {
  const int64_t fitting = H > 0 ? kNumbersPerTask / H : kNumbersPerTask;
  const int64_t per_task = fitting > 0 ? fitting : 1;
  for_tasks<T>(pool, (rows + per_task - 1) / per_task, 2 * all.seen, [&](int64_t task, T* scratch) {
    T *factor = scratch, *scale = scratch + all.seen;
    const int64_t first = task * per_task, end = first + per_task < rows ? first + per_task : rows;
    for (int64_t r = first; r < end; ++r) {
      const int64_t from = since[row[r]] - all.base, behind = all.steps - from;
      if (behind == 0) continue;
      const int64_t steps = behind < all.seen ? behind : all.seen;
      for (int64_t j = 0; j < steps; ++j) {
        factor[j] = static_cast<T>(all.size[from + j] * all.mean[j + 1]);
        scale[j] = static_cast<T>(all.root[from + j] * all.deviation[j + 1]);
      }
      const double left = all.deviation[behind];
      const Row<T> one{
          factor, scale, steps, static_cast<T>(all.mean[behind]), static_cast<T>(left * left),
          static_cast<T>(all.eps)};
      const int64_t at = row[r] * H;
      one.all(weight + at, mean + at, square + at, H);
      since[row[r]] = all.base + all.steps;
    }
  });
}

}  // namespace

extern const AdamCatchUpKernels TOPICFORGE_TABLE_NAME(adam_catch_up);
const AdamCatchUpKernels TOPICFORGE_TABLE_NAME(adam_catch_up) = {{catch_up<float>}, {catch_up<double>}};

}  // namespace topicforge
