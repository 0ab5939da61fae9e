#include "cpu/kernels/lazy_adam.h"

#include "harness.h"

namespace {

using namespace topicforge;

template <class T>
std::vector<std::vector<T>> updated(int64_t V, int64_t H, int64_t every, const Pool& pool) {
  std::vector<T> weight = harness::normal<T>(V * H, 1), mean = harness::normal<T>(V * H, 2);
  std::vector<T> square = harness::normal<T>(V * H, 3);
  for (T& x : square) x *= x;
  std::vector<int64_t> row;
  for (int64_t v = 0; v < V; v += every) row.push_back(v);
  row.shrink_to_fit();
  const int64_t R = static_cast<int64_t>(row.size());
  const std::vector<T> grad = harness::normal<T>(R * H, 4);
  const std::vector<T> w = weight, m = mean, v = square;
  const AdamStep step{0.2, 0.9, 0.99, 3.0, 1e-3, 0.01};
  if constexpr (sizeof(T) == sizeof(float)) {
    lazy_adam_kernels().f32.update(
        weight.data(), mean.data(), square.data(), row.data(), grad.data(), R, H, step, pool);
  } else {
    lazy_adam_kernels().f64.update(
        weight.data(), mean.data(), square.data(), row.data(), grad.data(), R, H, step, pool);
  }
  for (int64_t i = 0; i < V * H; ++i) {
    double next_w = w[i], next_m = m[i], next_v = v[i];
    if (i / H % every == 0) {
      const double g = grad[i / H / every * H + i % H] + step.weight_decay * next_w;
      next_m = step.beta1 * next_m + (1.0 - step.beta1) * g;
      next_v = step.beta2 * next_v + (1.0 - step.beta2) * g * g;
      next_w -= step.size * next_m / (std::sqrt(next_v) * step.root + step.eps);
    }
    harness::expect_near("mean of a row", mean[i], next_m, harness::tolerance<T>());
    harness::expect_near("square of a row", square[i], next_v, harness::tolerance<T>());
    harness::expect_near("weight of a row", weight[i], next_w, harness::tolerance<T>());
  }
  return {weight, mean, square};
}

template <class T>
void check_type() {
  constexpr int64_t sizes[][3] = {{0, 5, 1},  {1, 1, 1},    {7, 13, 2}, {300, 130, 1},
                                  {9, 64, 3}, {5, 20000, 2}};
  for (const auto& size : sizes) {
    const auto first = updated<T>(size[0], size[1], size[2], harness::pool(1));
    for (int64_t threads : {2, 5}) {
      const auto other = updated<T>(size[0], size[1], size[2], harness::pool(threads));
      for (size_t i = 0; i < first.size(); ++i) {
        harness::expect_same("another number of threads", other[i], first[i]);
      }
    }
  }
}

void check() {
  check_type<float>();
  check_type<double>();
}

const harness::Check registered(check);

}  // namespace
