// Adam's steps for some rows of a matrix, several at once.
#pragma once

#include "ops/kernels.h"

namespace topicforge {

// Step t = base + 1 + i, i < steps, moves by size[i] = lr_t / (1 - beta1^t), with root[i] =
// 1 / sqrt(1 - beta2^t). Of the moments j steps without a gradient leave mean[j] = beta1^j and
// deviation[j] = beta2^(j / 2), j <= steps; what the steps from the `seen`-th on add to the weight is below
// the rounding of those before.
struct AdamSteps {
  int64_t base, steps, seen;
  const double *size, *root, *mean, *deviation;
  double beta1, beta2, eps, weight_decay;
};

template <class T>
struct AdamRowsFunctions {
  // weight, mean and square (V, H): rows row[0 ... rows), each of which comes once, go from step since[row] to
  // base + steps, and since with them. grad (rows, H) enters the last step; null for none.
  void (*step)(
      T* weight, T* mean, T* square, int64_t* since, const int64_t* row, int64_t rows, int64_t H,
      const T* grad, const AdamSteps&, const Device&);
};

TOPICFORGE_KERNELS(AdamRowsFunctions, adam_rows)

}  // namespace topicforge
