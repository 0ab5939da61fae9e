// The diffusion kernel exp(-arccos²(x) / t), x = sqrt(q) · sqrt(p), and its MMD.
#pragma once

#include "ops/kernels.h"

namespace topicforge {

// Row-major, contiguous log-probabilities q (n, K) and p (m, K); a gradient that is not wanted
// is a null pointer.
template <class T>
struct DiffusionProblem {
  const T* log_q;
  const T* log_p;
  int64_t n, m, K;
  double t;
};

template <class T>
struct DiffusionFunctions {
  // value, one number, and its gradients grad_q (n, K) and grad_p (m, K).
  void (*mmd)(
      const DiffusionProblem<T>&, bool unbiased, T* value, T* grad_q, T* grad_p, const Device&);
  // out (n, m), the kernel of every pair.
  void (*matrix)(const DiffusionProblem<T>&, T* out, const Device&);
  // Gradients of sum(grad * out), grad (n, m).
  void (*backward)(const DiffusionProblem<T>&, const T* grad, T* grad_q, T* grad_p, const Device&);
};

TOPICFORGE_KERNELS(DiffusionFunctions, diffusion)

}  // namespace topicforge
