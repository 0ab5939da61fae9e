#include "ops/diffusion.h"

#include "harness.h"

namespace {

using namespace topicforge;

// arccos²(sqrt(a) · sqrt(b)) of two rows.
template <class T>
double squared_angle(const T* a, const T* b, int64_t K) {
  double x = 0.0;
  for (int64_t k = 0; k < K; ++k) x += std::exp(0.5 * (double(a[k]) + double(b[k])));
  const double angle = std::acos(x < 1.0 ? x : 1.0);
  return angle * angle;
}

template <class T>
double mmd(const std::vector<T>& q, const std::vector<T>& p, int64_t K, double t, bool unbiased) {
  auto mean = [&](const std::vector<T>& a, const std::vector<T>& b, bool skip) {
    const int64_t n = a.size() / K, m = b.size() / K;
    double total = 0.0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < m; ++j) {
        if (!skip || i != j) total += std::exp(-squared_angle(&a[i * K], &b[j * K], K) / t);
      }
    }
    return total / (double(n) * double(skip ? n - 1 : m));
  };
  return mean(q, q, unbiased) + mean(p, p, unbiased) - 2.0 * mean(q, p, false);
}

template <class T>
void check_sizes(int64_t n, int64_t m, int64_t K, double t, bool unbiased) {
  auto q = harness::log_softmax(harness::normal<T>(n * K, 1), K);
  const auto p = harness::log_softmax(harness::normal<T>(m * K, 2), K);
  const DiffusionProblem<T> problem{q.data(), p.data(), n, m, K, t};
  std::vector<T> first_q, first_p, matrix(n * m);
  for (int64_t threads : {1, 2, 5}) {
    std::vector<T> grad_q(n * K), grad_p(m * K);
    const Pool pool = harness::pool(threads);
    T value, alone;
    diffusion_kernels<T>().mmd(problem, unbiased, &value, grad_q.data(), grad_p.data(), pool);
    harness::expect_near("mmd", value, mmd(q, p, K, t, unbiased), harness::tolerance<T>());
    diffusion_kernels<T>().mmd(problem, unbiased, &alone, nullptr, nullptr, pool);
    harness::expect_near("mmd without gradients", alone, value, 1e-6);
    diffusion_kernels<T>().matrix(problem, matrix.data(), pool);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < m; ++j) {
        harness::expect_near(
            "kernel", matrix[i * m + j],
            std::exp(-squared_angle(&q[i * K], &p[j * K], K) / t), harness::tolerance<T>());
      }
    }
    std::vector<T> back_q(n * K), back_p(m * K);
    diffusion_kernels<T>().backward(problem, matrix.data(), back_q.data(), back_p.data(), pool);
    diffusion_kernels<T>().backward(problem, matrix.data(), nullptr, back_p.data(), pool);
    grad_q.insert(grad_q.end(), back_q.begin(), back_q.end());
    grad_p.insert(grad_p.end(), back_p.begin(), back_p.end());
    if (threads == 1) first_q = grad_q, first_p = grad_p;
    harness::expect_same("gradient of q", grad_q, first_q);
    harness::expect_same("gradient of p", grad_p, first_p);
  }
  if constexpr (sizeof(T) == sizeof(double)) {
    // A central difference of step h has an error of about h² + 1e-16 / h.
    const double h = 1e-5;
    for (int64_t at : {int64_t(0), n * K - 1}) {
      const double before = q[at];
      q[at] = before + h;
      const double above = mmd(q, p, K, t, unbiased);
      q[at] = before - h;
      const double below = mmd(q, p, K, t, unbiased);
      q[at] = before;
      if (unbiased) harness::expect_near("slope", first_q[at], (above - below) / (2 * h), 1e-8);
    }
  }
}

template <class T>
void check_type() {
  check_sizes<T>(2, 2, 1, 1.0, true);
  check_sizes<T>(1, 3, 2, 1.0, false);
  check_sizes<T>(33, 31, 7, 0.3, true);
  check_sizes<T>(65, 97, 50, 1.0, true);
  check_sizes<T>(73, 4, 29, 0.05, false);
}

const harness::Check check([] {
  check_type<float>();
  check_type<double>();
});

}  // namespace
