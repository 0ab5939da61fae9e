// The moments of W x over a batch, from the batch's mean m and covariance C, folded into W.
#pragma once

#include <cstdint>

#include "cpu/instruction_set.h"
#include "cpu/pool.h"

namespace topicforge {

template <class T>
struct FoldProblem {
  const T* weight;      // (V, K)
  const T* mean;        // (K,)
  const T* covariance;  // (K, K), symmetric
  const T* gain;        // (V,)
  int64_t V, K;
  T eps;
};

// What the forward makes: s = gain / √(var + eps).
template <class T>
struct FoldResult {
  T* folded;  // (V, K) s W
  T* shift;   // (V,) -s y
  T* mean;    // (V,) y = W m
  T* var;     // (V,) w C w
};

template <class T>
struct FoldGradients {
  T* weight;      // (V, K)
  T* mean;        // (K,)
  T* covariance;  // (K, K)
  T* gain;        // (V,)
};

template <class T>
struct BatchNormFoldFunctions {
  void (*forward)(const FoldProblem<T>&, const FoldResult<T>&, const Pool&);
  // From the gradients of s W and -s y, (V, K) and (V,), and the forward's y and w C w.
  void (*backward)(
      const FoldProblem<T>&, const T* grad, const T* grad_shift, const T* y, const T* var,
      const FoldGradients<T>&, const Pool&);
};

struct BatchNormFoldKernels {
  BatchNormFoldFunctions<float> f32;
  BatchNormFoldFunctions<double> f64;
};

TOPICFORGE_KERNEL_TABLE(BatchNormFoldKernels, batch_norm_fold)

}  // namespace topicforge
