// Dirichlet samples in log space.
#pragma once

#include "cpu/instruction_set.h"
#include "cpu/pool.h"

namespace topicforge {

struct DirichletKernels {
  // concentration (K,) → out (n, K), from `seed` alone.
  void (*f32)(
      const float* concentration, int64_t n, int64_t K, uint64_t seed, float* out, const Pool&);
  void (*f64)(
      const double* concentration, int64_t n, int64_t K, uint64_t seed, double* out, const Pool&);
};

TOPICFORGE_KERNEL_TABLE(DirichletKernels, dirichlet)

}  // namespace topicforge
