#include "cpu/kernels/dirichlet.h"

#include "math/log_gamma_sample.h"

namespace topicforge {
namespace {

constexpr int64_t kRowsPerTask = 16;

template <class T>
void sample(
    const T* concentration, int64_t n, int64_t K, uint64_t seed, T* out, const Pool& pool) {
  const int64_t tasks = (n + kRowsPerTask - 1) / kRowsPerTask;
  for_tasks<double>(pool, tasks, K, [&](int64_t task, double* log_gamma) {
    for (int64_t i = task * kRowsPerTask; i < (task + 1) * kRowsPerTask && i < n; ++i) {
      double most = -__builtin_inf(), total = 0.0;
      for (int64_t k = 0; k < K; ++k) {
        const double g = log_gamma_sample(
            static_cast<double>(concentration[k]), seed, static_cast<uint64_t>(i * K + k));
        log_gamma[k] = g;
        most = g > most ? g : most;
      }
      for (int64_t k = 0; k < K; ++k) total += __builtin_exp(log_gamma[k] - most);
      // The largest first: logarithms reach -1e5 at small concentrations, and their differences
      // are exact where most + log(total) would be rounded at that size.
      const double rest = __builtin_log(total);
      for (int64_t k = 0; k < K; ++k) {
        out[i * K + k] = static_cast<T>((log_gamma[k] - most) - rest);
      }
    }
  });
}

}  // namespace

extern const DirichletKernels TOPICFORGE_TABLE_NAME(dirichlet);
const DirichletKernels TOPICFORGE_TABLE_NAME(dirichlet) = {sample<float>, sample<double>};

}  // namespace topicforge
