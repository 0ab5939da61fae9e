// N_b log Σ_v exp(h_bv) - Σ_v x_bv h_bv, h = theta Wᵀ + bias, without the (B, V) matrix h.
#pragma once

#include "ops/kernels.h"
#include "ops/sparse_rows.h"

namespace topicforge {

template <class T>
struct ProductProblem {
  SparseRows<T> x;
  const T* theta;   // (B, K)
  const T* weight;  // (V, K)
  const T* bias;    // (V,)
  int64_t K;
};

template <class T>
struct ProductMultinomialFunctions {
  // nll (B,) and log_sum_exp (B,).
  void (*forward)(const ProductProblem<T>&, T* nll, T* log_sum_exp, const Device&);
  // From grad (B,): grad_theta (B, K), grad_weight (V, K), grad_bias (V,); null where unwanted.
  void (*backward)(
      const ProductProblem<T>&, const T* grad, const T* log_sum_exp, T* grad_theta, T* grad_weight,
      T* grad_bias, const Device&);
};

TOPICFORGE_KERNELS(ProductMultinomialFunctions, product_multinomial_nll)

}  // namespace topicforge
