// Adam's steps that rows without a gradient still have to take.
#pragma once

#include <cstdint>

#include "cpu/instruction_set.h"
#include "cpu/pool.h"

namespace topicforge {

// What step t = base + 1 + i is made of, i < steps: size[i] = lr_t / (1 - beta1^t) and
// root[i] = 1 / sqrt(1 - beta2^t); and what j steps leave of the moments, j <= steps:
// mean[j] = beta1^j, deviation[j] = beta2^(j / 2). From the `seen`-th step on, a row's steps are
// below the rounding of those before.
struct AdamSteps {
  int64_t base, steps, seen;
  const double *size, *root, *mean, *deviation;
  double eps;
};

template <class T>
struct AdamCatchUpFunctions {
  // weight, mean and square (V, H); rows row[0 ... rows), each of which comes once, go from step
  // since[row] to base + steps, and since with them.
  void (*catch_up)(
      T* weight, T* mean, T* square, int64_t* since, const int64_t* row, int64_t rows, int64_t H,
      const AdamSteps&, const Pool&);
};

struct AdamCatchUpKernels {
  AdamCatchUpFunctions<float> f32;
  AdamCatchUpFunctions<double> f64;
};

TOPICFORGE_KERNEL_TABLE(AdamCatchUpKernels, adam_catch_up)

}  // namespace topicforge
