#include "ops/sparse_multinomial_nll.h"

#include "cpu/csr.h"
#include "cpu/logarithm.h"

namespace topicforge {
namespace {

constexpr int64_t kDocumentsPerTask = 32;
constexpr int64_t kWordsPerTask = 256;

// The floor of probabilities, the smallest normal number: where it is met the gradient is zero.
template <class T>
constexpr T kFloor = sizeof(T) == 4 ? T(1.17549435e-38) : T(2.2250738585072014e-308);

// Σ_i x_i log max(p_i, floor). NaN stays: a comparison with it is false.
template <class T>
T weighted_log(const T* x, const T* p, int64_t count) {
  constexpr int64_t lanes = kLanes<T>;
  Vec<T> total = {};
  for (int64_t i = 0; i < count; i += lanes) {
    T left[lanes] = {}, right[lanes];
    Vec<T> xs, ps;
    if (i + lanes <= count) {
      xs = load(x + i);
      ps = load(p + i);
    } else {
      for (int64_t j = 0; j < lanes; ++j) right[j] = T(1);
      for (int64_t j = i; j < count; ++j) left[j - i] = x[j], right[j - i] = p[j];
      xs = load<T>(left);
      ps = load<T>(right);
    }
    const Vec<T> floor = splat<T>(kFloor<T>);
    total += xs * logarithm<T>(ps <= floor ? floor : ps);
  }
  return sum<T>(total);
}

template <class T>
void forward(
    const SparseRows<T>& x, const T* theta, const T* beta, int64_t K, T* p, T* nll,
    const Pool& pool) {
  const int64_t blocks = (x.documents + kDocumentsPerTask - 1) / kDocumentsPerTask;
  const bool cached = fits_cache<T>(x.words, K);
  for_tasks<T>(pool, blocks, 0, [&](int64_t task, T*) {
    const int64_t first = task * kDocumentsPerTask;
    for (int64_t b = first; b < first + kDocumentsPerTask && b < x.documents; ++b) {
      const int64_t begin = x.crow[b], count = x.crow[b + 1] - begin;
      dot_rows<T>(p + begin, nullptr, theta + b * K, K, words_of(x, b, cached), beta, K);
      nll[b] = count > 0 ? -weighted_log(x.value + begin, p + begin, count) : T(0);
    }
  });
}

template <class T>
void backward(
    const SparseRows<T>& x, const T* grad, const T* p, const T* theta, const T* beta, int64_t K,
    T* grad_theta, T* grad_beta, const Pool& pool) {
  // d nll_b / d p_i = -x_i / p_i, times what arrives from above.
  const Scratch<T> slope(pool, x.entries);
  const int64_t blocks = (x.documents + kDocumentsPerTask - 1) / kDocumentsPerTask;
  const bool cached = fits_cache<T>(x.words, K);
  for_tasks<T>(pool, blocks, 0, [&](int64_t task, T*) {
    const int64_t first = task * kDocumentsPerTask;
    for (int64_t b = first; b < first + kDocumentsPerTask && b < x.documents; ++b) {
      const int64_t begin = x.crow[b], end = x.crow[b + 1];
      for (int64_t i = begin; i < end; ++i) {
        slope[i] = p[i] <= kFloor<T> ? T(0) : -(grad[b] * x.value[i]) / p[i];
      }
      if (grad_theta != nullptr) {
        add_scaled_rows<T>(
            grad_theta + b * K, nullptr, K, slope.get() + begin, words_of(x, b, cached), beta, K);
      }
    }
  });
  if (grad_beta == nullptr) return;
  const Transpose by_word(pool, x);
  const bool near = fits_cache<T>(x.documents, K);
  for_tasks<T>(pool, (x.words + kWordsPerTask - 1) / kWordsPerTask, 0, [&](int64_t task, T*) {
    const int64_t first = task * kWordsPerTask;
    for (int64_t v = first; v < first + kWordsPerTask && v < x.words; ++v) {
      add_scaled_rows<T>(
          grad_beta + v * K, nullptr, K, by_word.values(slope.get(), v), by_word.visit(v, near),
          theta, K);
    }
  });
}

template <class T>
constexpr SparseMultinomialFunctions<T> functions = {forward<T>, backward<T>};

}  // namespace

TOPICFORGE_DEFINE_KERNELS(SparseMultinomialFunctions, sparse_multinomial_nll)

}  // namespace topicforge
