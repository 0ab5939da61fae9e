// One logarithm of a Gamma(alpha) variate, for any alpha > 0; the same numbers on CPU and CUDA.
#pragma once

#include "math/philox.h"

// CPU kernels take no function of the standard library that an instruction set could leak into.
#ifdef __CUDACC__
#define TOPICFORGE_MATH(f) ::f
#else
#define TOPICFORGE_MATH(f) __builtin_##f
#endif

namespace topicforge {
namespace {

// Gamma(alpha + 1) by Marsaglia and Tsang 2000: d v, v = (1 + c x)^3, d = alpha + 2/3 and
// c = (9 d)^-1/2, accepted if log u < x²/2 + d - d v + d log v; then G U^(1/alpha) is Gamma(alpha), and its
// logarithm, log G + log(U) / alpha, can't underflow. Try i of element e takes the counters
// (e, i, 0) for x and (e, i, 1) for u and U. In double whatever the type of the result.
TOPICFORGE_BOTH inline double log_gamma_sample(double alpha, uint64_t seed, uint64_t element) {
  // What is no concentration has no sample; for an infinite one the loop would never end.
  if (!(alpha > 0.0 && alpha < 1e308)) return (alpha - alpha) * (1.0 / (alpha - alpha));
  const double d = alpha + 2.0 / 3.0, c = 1.0 / (3.0 * TOPICFORGE_MATH(sqrt)(d));
  for (uint32_t attempt = 0;; ++attempt) {
    const Philox first = philox(seed, element, attempt, 0);
    const double log_first = TOPICFORGE_MATH(log)(uniform(first.word[0], first.word[1]));
    const double radius = TOPICFORGE_MATH(sqrt)(-2.0 * log_first);
    const double x =
        radius * TOPICFORGE_MATH(cos)(6.283185307179586 * uniform(first.word[2], first.word[3]));
    const double root = 1.0 + c * x;
    if (!(root > 0.0)) continue;
    const Philox second = philox(seed, element, attempt, 1);
    const double log_v = 3.0 * TOPICFORGE_MATH(log)(root), v = root * root * root;
    const double log_u = TOPICFORGE_MATH(log)(uniform(second.word[0], second.word[1]));
    if (log_u < 0.5 * x * x + d * (1.0 - v + log_v)) {
      const double log_boost = TOPICFORGE_MATH(log)(uniform(second.word[2], second.word[3]));
      return TOPICFORGE_MATH(log)(d) + log_v + log_boost / alpha;
    }
  }
}

}  // namespace
}  // namespace topicforge
