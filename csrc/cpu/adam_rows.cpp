#include "ops/adam_rows.h"

#include "cpu/vector.h"

namespace topicforge {
namespace {

// Numbers per task; rows differ in how far they are behind, so tasks are small.
constexpr int64_t kNumbersPerTask = 8 * 1024;

template <class T>
inline Vec<T> square_root(Vec<T> x) {
#if defined(__x86_64__) && TOPICFORGE_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == sizeof(float)) {
    return (Vec<T>)_mm512_sqrt_ps((__m512)x);
  } else {
    return (Vec<T>)_mm512_sqrt_pd((__m512d)x);
  }
#else  // compilers make one instruction of this loop, but not of AVX-512's
  for (int i = 0; i < kLanes<T>; ++i) {
    x[i] = sizeof(T) == sizeof(float) ? __builtin_sqrtf(x[i]) : __builtin_sqrt(x[i]);
  }
  return x;
#endif
}

// What the steps of one row have in common. Vectors of a row are taken four at a time: their divisions
// don't wait for each other.
template <class T>
struct Row {
  const AdamSteps& all;
  const T *factor, *scale;  // of the steps in closed form: size_j beta1^j and beta2^(j/2) root_j
  int64_t closed;
  T mean, square;  // what these leave of the moments
  int64_t first;   // the first step that is taken by itself
  bool has_grad;

  template <int N>
  void at(T* weight, T* means, T* squares, const T* grad) const {
    constexpr int64_t lanes = kLanes<T>;
    const T eps = static_cast<T>(all.eps), decay = static_cast<T>(all.weight_decay);
    const T new_mean = static_cast<T>(1.0 - all.beta1), new_square = static_cast<T>(1.0 - all.beta2);
    const T old_square = static_cast<T>(all.beta2);
    Vec<T> w[N], m[N], v[N];
    TOPICFORGE_UNROLL
    for (int i = 0; i < N; ++i) {
      w[i] = load(weight + i * lanes);
      m[i] = load(means + i * lanes);
      v[i] = load(squares + i * lanes);
    }
    if (closed > 0) {
      Vec<T> deviation[N], sum[N];
      TOPICFORGE_UNROLL
      for (int i = 0; i < N; ++i) {
        deviation[i] = square_root<T>(v[i]);
        sum[i] = Vec<T>{};
      }
      for (int64_t j = 0; j < closed; ++j) {
        const Vec<T> a = splat<T>(factor[j]), b = splat<T>(scale[j]);
        TOPICFORGE_UNROLL
        for (int i = 0; i < N; ++i) sum[i] = sum[i] + a / (deviation[i] * b + eps);
      }
      TOPICFORGE_UNROLL
      for (int i = 0; i < N; ++i) {
        w[i] = w[i] - m[i] * sum[i];
        m[i] = m[i] * mean;
        v[i] = v[i] * square;
      }
    }
    for (int64_t t = first; t < all.steps; ++t) {
      const T size = static_cast<T>(all.size[t]), root = static_cast<T>(all.root[t]);
      const bool last = has_grad && t + 1 == all.steps;
      TOPICFORGE_UNROLL
      for (int i = 0; i < N; ++i) {
        Vec<T> g = w[i] * decay;
        if (last) g = g + load(grad + i * lanes);
        m[i] = m[i] + (g - m[i]) * new_mean;
        v[i] = v[i] * old_square + g * g * new_square;
        w[i] = w[i] - m[i] * size / (square_root<T>(v[i]) * root + eps);
      }
    }
    TOPICFORGE_UNROLL
    for (int i = 0; i < N; ++i) {
      store<T>(weight + i * lanes, w[i]);
      store<T>(means + i * lanes, m[i]);
      store<T>(squares + i * lanes, v[i]);
    }
  }

  void whole(T* weight, T* means, T* squares, const T* grad, int64_t H) const {
    constexpr int64_t lanes = kLanes<T>;
    int64_t h = 0;
    for (; h + 4 * lanes <= H; h += 4 * lanes) at<4>(weight + h, means + h, squares + h, grad + h);
    for (; h + lanes <= H; h += lanes) at<1>(weight + h, means + h, squares + h, grad + h);
    if (h == H) return;
    // What is behind the row belongs to others: the last numbers are worked on in a copy.
    T tail[4][lanes] = {};
    for (int64_t i = h; i < H; ++i) {
      tail[0][i - h] = weight[i];
      tail[1][i - h] = means[i];
      tail[2][i - h] = squares[i];
      if (has_grad) tail[3][i - h] = grad[i];
    }
    at<1>(tail[0], tail[1], tail[2], tail[3]);
    for (int64_t i = h; i < H; ++i) {
      weight[i] = tail[0][i - h];
      means[i] = tail[1][i - h];
      squares[i] = tail[2][i - h];
    }
  }
};

template <class T>
void step(
    T* weight, T* mean, T* square, int64_t* since, const int64_t* row, int64_t rows, int64_t H,
    const T* grad, const AdamSteps& all, const Pool& pool) {
  const int64_t fitting = kNumbersPerTask / (H > 0 ? H : 1), per_task = fitting > 0 ? fitting : 1;
  const bool has_grad = grad != nullptr;
  for_tasks<T>(pool, (rows + per_task - 1) / per_task, 2 * all.seen, [&](int64_t task, T* scratch) {
    T *factor = scratch, *scale = scratch + all.seen;
    const int64_t first = task * per_task, end = first + per_task < rows ? first + per_task : rows;
    for (int64_t r = first; r < end; ++r) {
      const int64_t from = since[row[r]] - all.base;
      // With weight decay there is a gradient in every step.
      const int64_t absent = all.weight_decay == 0.0 ? all.steps - from - has_grad : 0;
      const int64_t closed = absent < all.seen ? absent : all.seen;
      for (int64_t j = 0; j < closed; ++j) {
        factor[j] = static_cast<T>(all.size[from + j] * all.mean[j + 1]);
        scale[j] = static_cast<T>(all.root[from + j] * all.deviation[j + 1]);
      }
      const double left = all.deviation[absent];
      const Row<T> one{
          all, factor, scale, closed, static_cast<T>(all.mean[absent]),
          static_cast<T>(left * left), from + absent, has_grad};
      const int64_t at = row[r] * H;
      one.whole(weight + at, mean + at, square + at, has_grad ? grad + r * H : weight + at, H);
      since[row[r]] = all.base + all.steps;
    }
  });
}

template <class T>
constexpr AdamRowsFunctions<T> functions = {step<T>};

}  // namespace

TOPICFORGE_DEFINE_KERNELS(AdamRowsFunctions, adam_rows)

}  // namespace topicforge
