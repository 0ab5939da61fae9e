#include "cpu/kernels/batch_norm_fold.h"

#include "harness.h"

namespace {

using namespace topicforge;

template <class T>
const BatchNormFoldFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return batch_norm_fold_kernels().f32;
  } else {
    return batch_norm_fold_kernels().f64;
  }
}

// All results, forward and backward, one after the other.
template <class T>
std::vector<T> folded(int64_t V, int64_t K, const Pool& pool) {
  const std::vector<T> weight = harness::normal<T>(V * K, 1), mean = harness::normal<T>(K, 2);
  const std::vector<T> gain = harness::normal<T>(V, 3), root = harness::normal<T>(K * K, 4);
  const std::vector<T> grad = harness::normal<T>(V * K, 5), grad_shift = harness::normal<T>(V, 6);
  std::vector<T> covariance(static_cast<size_t>(K * K));
  for (int64_t i = 0; i < K; ++i) {
    for (int64_t k = 0; k < K; ++k) {
      for (int64_t j = 0; j < K; ++j) {
        covariance[i * K + k] += root[i * K + j] * root[k * K + j] / static_cast<T>(K);
      }
    }
  }
  const FoldProblem<T> problem{
      weight.data(), mean.data(), covariance.data(), gain.data(), V, K, T(0.5)};
  std::vector<T> out(static_cast<size_t>(2 * V * K + 4 * V + K + K * K));
  T* at = out.data();
  auto next = [&](int64_t count) {
    T* here = at;
    at += count;
    return here;
  };
  const FoldResult<T> result{next(V * K), next(V), next(V), next(V)};
  functions<T>().forward(problem, result, pool);
  const FoldGradients<T> gradients{next(V * K), next(K), next(K * K), next(V)};
  functions<T>().backward(
      problem, grad.data(), grad_shift.data(), result.mean, result.var, gradients, pool);
  for (int64_t v = 0; v < V; ++v) {
    double y = 0.0, var = 0.0;
    for (int64_t i = 0; i < K; ++i) {
      y += static_cast<double>(weight[v * K + i]) * mean[i];
      for (int64_t k = 0; k < K; ++k) {
        var += static_cast<double>(weight[v * K + i]) * weight[v * K + k] * covariance[i * K + k];
      }
    }
    const double scale = gain[v] / std::sqrt(var + 0.5);
    const double tolerance = harness::tolerance<T>() * static_cast<double>(K + 1);
    harness::expect_near("mean of a word", result.mean[v], y, tolerance);
    harness::expect_near("variance of a word", result.var[v], var, tolerance);
    harness::expect_near("shift of a word", result.shift[v], -y * scale, tolerance);
    for (int64_t k = 0; k < K; ++k) {
      harness::expect_near(
          "folded weight", result.folded[v * K + k], weight[v * K + k] * scale, tolerance);
    }
  }
  return out;
}

template <class T>
void check_type() {
  constexpr int64_t sizes[][2] = {{0, 5}, {1, 1}, {7, 13}, {300, 130}, {1000, 50}, {5, 64}};
  for (const auto& size : sizes) {
    const auto first = folded<T>(size[0], size[1], harness::pool(1));
    for (int64_t threads : {2, 5}) {
      const auto other = folded<T>(size[0], size[1], harness::pool(threads));
      harness::expect_same("another number of threads", other, first);
    }
  }
}

void check() {
  check_type<float>();
  check_type<double>();
}

const harness::Check registered(check);

}  // namespace
