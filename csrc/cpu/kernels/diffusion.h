// The diffusion kernel exp(-arccos²(x) / t), x = sqrt(q) · sqrt(p), and its MMD.
#pragma once

#include <cstdint>

#include "cpu/instruction_set.h"
#include "cpu/pool.h"

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
  // MMD² of survey eq. 10; grad_q (n, K) and grad_p (m, K) are its gradients.
  double (*mmd)(const DiffusionProblem<T>&, bool unbiased, T* grad_q, T* grad_p, const Pool&);
  // out (n, m) of survey eq. 11.
  void (*matrix)(const DiffusionProblem<T>&, T* out, const Pool&);
  // Gradients of sum(grad * out), grad (n, m).
  void (*backward)(const DiffusionProblem<T>&, const T* grad, T* grad_q, T* grad_p, const Pool&);
};

struct DiffusionKernels {
  DiffusionFunctions<float> f32;
  DiffusionFunctions<double> f64;
};

TOPICFORGE_KERNEL_TABLE(DiffusionKernels, diffusion)

}  // namespace topicforge
