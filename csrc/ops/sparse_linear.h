// The encoders' first layer: y_b = bias + Σ_v x_bv W_v.
#pragma once

#include "ops/kernels.h"
#include "ops/sparse_rows.h"

namespace topicforge {

template <class T>
struct SparseLinearFunctions {
  // weight (V, H) and bias (H,) → out (B, H).
  void (*forward)(
      const SparseRows<T>&, const T* weight, const T* bias, int64_t H, T* out, const Device&);
  // From grad (B, H): grad_value (nnz,), grad_weight (V, H), grad_bias (H,); null where unwanted.
  void (*backward)(
      const SparseRows<T>&, const T* grad, const T* weight, int64_t H, T* grad_value,
      T* grad_weight, T* grad_bias, const Device&);
};

TOPICFORGE_KERNELS(SparseLinearFunctions, sparse_linear)

}  // namespace topicforge
