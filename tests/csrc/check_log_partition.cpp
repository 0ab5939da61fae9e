#include "cpu/kernels/log_partition.h"

#include "harness.h"

namespace {

using namespace topicforge;

// Values, then means.
template <class T>
std::vector<T> partition(int64_t V, int64_t K, int64_t E, const Pool& pool) {
  const std::vector<T> weight = harness::normal<T>(V * E, 1), topic = harness::normal<T>(K * E, 2);
  std::vector<T> out(static_cast<size_t>(K + K * E));
  const PartitionProblem<T> problem{weight.data(), topic.data(), V, K, E};
  if constexpr (sizeof(T) == sizeof(float)) {
    log_partition_kernels().f32.run(problem, out.data(), out.data() + K, pool);
  } else {
    log_partition_kernels().f64.run(problem, out.data(), out.data() + K, pool);
  }
  for (int64_t k = 0; k < K; ++k) {
    std::vector<double> logits, mean(static_cast<size_t>(E));
    double most = -1e300, total = 0.0;
    for (int64_t v = 0; v < V; ++v) {
      double logit = 0.0;
      for (int64_t e = 0; e < E; ++e) logit += double(weight[v * E + e]) * topic[k * E + e];
      logits.push_back(logit);
      most = logit > most ? logit : most;
    }
    for (int64_t v = 0; v < V; ++v) {
      const double p = std::exp(logits[v] - most);
      total += p;
      for (int64_t e = 0; e < E; ++e) mean[e] += p * weight[v * E + e];
    }
    const double tolerance = harness::tolerance<T>() * static_cast<double>(E + 1);
    harness::expect_near("log partition", out[k], most + std::log(total), tolerance);
    for (int64_t e = 0; e < E; ++e) {
      harness::expect_near("mean", out[K + k * E + e], mean[e] / total, tolerance);
    }
  }
  return out;
}

template <class T>
void check_type() {
  constexpr int64_t sizes[][3] = {{1, 1, 1}, {7, 3, 13}, {300, 40, 5}, {1000, 2, 33}, {48, 65, 64}};
  for (const auto& size : sizes) {
    const auto first = partition<T>(size[0], size[1], size[2], harness::pool(1));
    for (int64_t threads : {2, 5}) {
      const auto other = partition<T>(size[0], size[1], size[2], harness::pool(threads));
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
