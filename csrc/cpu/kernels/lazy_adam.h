// Adam on the rows that have a gradient.
#pragma once

#include <cstdint>

#include "cpu/instruction_set.h"
#include "cpu/pool.h"

namespace topicforge {

// With t steps done: size = lr / (1 - beta1^t), root = 1 / sqrt(1 - beta2^t).
struct AdamStep {
  double size, beta1, beta2, root, eps, weight_decay;
};

template <class T>
struct LazyAdamFunctions {
  // weight, mean and square (V, H), written in their rows row[0 ... rows), each of which comes once;
  // grad (rows, H).
  void (*update)(
      T* weight, T* mean, T* square, const int64_t* row, const T* grad, int64_t rows, int64_t H,
      const AdamStep&, const Pool&);
};

struct LazyAdamKernels {
  LazyAdamFunctions<float> f32;
  LazyAdamFunctions<double> f64;
};

TOPICFORGE_KERNEL_TABLE(LazyAdamKernels, lazy_adam)

}  // namespace topicforge
