
#include "harness.h"
#include "ops/topic_word_rows.h"

namespace {

using namespace topicforge;

template <class T>
std::vector<T> rows(int64_t V, int64_t K, int64_t E, int64_t step, const Pool& pool) {
  const std::vector<T> weight = harness::normal<T>(V * E, 1), topic = harness::normal<T>(K * E, 2);
  std::vector<int64_t> word;
  for (int64_t v = step - 1; v < V; v += step) word.push_back(v);
  const int64_t R = static_cast<int64_t>(word.size());
  const std::vector<T> grad = harness::normal<T>(R * K, 3);
  std::vector<T> out(static_cast<size_t>(R * K + 2 * K * E));
  T *beta = out.data(), *mean = beta + R * K, *pull = mean + K * E;
  const TopicWordProblem<T> problem{weight.data(), topic.data(), word.data(), V, K, E, R};
  topic_word_rows_kernels<T>().forward(problem, beta, mean, pool);
  topic_word_rows_kernels<T>().backward(problem, grad.data(), beta, mean, pull, pool);
  const double tolerance = harness::tolerance<T>() * static_cast<double>(E + 1);
  for (int64_t k = 0; k < K; ++k) {
    std::vector<double> p, expected(static_cast<size_t>(E)), gradient(static_cast<size_t>(E));
    double most = -1e300, total = 0.0;
    for (int64_t v = 0; v < V; ++v) {
      double logit = 0.0;
      for (int64_t e = 0; e < E; ++e) logit += double(weight[v * E + e]) * topic[k * E + e];
      p.push_back(logit);
      most = logit > most ? logit : most;
    }
    for (int64_t v = 0; v < V; ++v) total += p[v] = std::exp(p[v] - most);
    for (int64_t v = 0; v < V; ++v) {
      for (int64_t e = 0; e < E; ++e) expected[e] += p[v] / total * weight[v * E + e];
    }
    double size = 1.0;
    for (int64_t r = 0; r < R; ++r) {
      const double share = p[word[r]] / total;
      harness::expect_near("beta", beta[r * K + k], share, tolerance);
      size += std::abs(grad[r * K + k] * share);
      for (int64_t e = 0; e < E; ++e) {
        gradient[e] += grad[r * K + k] * share * (weight[word[r] * E + e] - expected[e]);
      }
    }
    for (int64_t e = 0; e < E; ++e) {
      harness::expect_near("mean", mean[k * E + e], expected[e], tolerance);
      harness::expect_near("gradient", pull[k * E + e], gradient[e], tolerance * size);
    }
  }
  return out;
}

template <class T>
void check_type() {
  constexpr int64_t sizes[][4] = {{1, 1, 1, 1},   {7, 3, 13, 2},   {300, 40, 5, 1},
                                  {1000, 2, 33, 7}, {48, 65, 64, 3}, {20, 5, 3, 50},
                                  {100, 50, 200, 3}};
  for (const auto& size : sizes) {
    const auto first = rows<T>(size[0], size[1], size[2], size[3], harness::pool(1));
    for (int64_t threads : {2, 5}) {
      const auto other = rows<T>(size[0], size[1], size[2], size[3], harness::pool(threads));
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
