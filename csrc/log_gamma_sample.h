// One logarithm of a Gamma(alpha) variate, for any alpha > 0; the same numbers on CPU and CUDA.
#pragma once

#include "philox.h"

namespace topicforge {
namespace {

// Gamma(alpha + 1) by Marsaglia and Tsang 2000: d v, v = (1 + c x)^3, d = alpha + 2/3, c = (9 d)^-1/2,
// accepted if log u < x²/2 + d - d v + d log v; then G U^(1/alpha) is Gamma(alpha), and its
// logarithm, log G + log(U) / alpha, can't underflow. Try i of element e takes the counters
// (e, i, 0) for x and (e, i, 1) for u and U. In double whatever the type of the result.
TOPICFORGE_BOTH inline double log_gamma_sample(double alpha, uint64_t seed, uint64_t element) {
  const double d = alpha + 2.0 / 3.0, c = 1.0 / (3.0 * __builtin_sqrt(d));
  for (uint32_t attempt = 0;; ++attempt) {
    const Philox first = philox(seed, element, attempt, 0);
    const double radius = __builtin_sqrt(-2.0 * __builtin_log(uniform(first.word[0], first.word[1])));
    const double x =
        radius * __builtin_cos(6.283185307179586 * uniform(first.word[2], first.word[3]));
    const double root = 1.0 + c * x;
    if (!(root > 0.0)) {
      // A NaN concentration never gets here twice: it leaves as NaN.
      if (root != root) return root;
      continue;
    }
    const Philox second = philox(seed, element, attempt, 1);
    const double log_v = 3.0 * __builtin_log(root), v = root * root * root;
    const double log_u = __builtin_log(uniform(second.word[0], second.word[1]));
    if (log_u < 0.5 * x * x + d * (1.0 - v + log_v)) {
      const double log_boost = __builtin_log(uniform(second.word[2], second.word[3])) / alpha;
      return __builtin_log(d) + log_v + log_boost;
    }
  }
}

}  // namespace
}  // namespace topicforge
