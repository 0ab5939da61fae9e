// -Σ_v x_bv log(Σ_k theta_bk beta_vk) over the words that occur.
#pragma once

#include "ops/kernels.h"
#include "ops/sparse_rows.h"

namespace topicforge {

template <class T>
struct SparseMultinomialFunctions {
  // theta (B, K), beta (V, K) → p (nnz,), the probability of each entry, and nll (B,).
  void (*forward)(
      const SparseRows<T>&, const T* theta, const T* beta, int64_t K, T* p, T* nll, const Device&);
  // From grad (B,) and p: grad_theta (B, K) and grad_beta (V, K); null where unwanted.
  void (*backward)(
      const SparseRows<T>&, const T* grad, const T* p, const T* theta, const T* beta, int64_t K,
      T* grad_theta, T* grad_beta, const Device&);
};

TOPICFORGE_KERNELS(SparseMultinomialFunctions, sparse_multinomial_nll)

}  // namespace topicforge
