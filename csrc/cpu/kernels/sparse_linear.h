// The encoders' first layer: y_b = bias + Σ_v x_bv W_v.
#pragma once

#include "cpu/instruction_set.h"
#include "sparse_rows.h"
#include "cpu/pool.h"

namespace topicforge {

template <class T>
struct SparseLinearFunctions {
  // weight (V, H) and bias (H,) → out (B, H).
  void (*forward)(
      const SparseRows<T>&, const T* weight, const T* bias, int64_t H, T* out, const Pool&);
  // From grad (B, H): grad_value (nnz,), grad_weight (V, H), grad_bias (H,); null where unwanted.
  void (*backward)(
      const SparseRows<T>&, const T* grad, const T* weight, int64_t H, T* grad_value,
      T* grad_weight, T* grad_bias, const Pool&);
  // How many words occur, and then which (rising) and their rows of grad_weight.
  int64_t (*count_touched)(const SparseRows<T>&, const Pool&);
  void (*touched)(
      const SparseRows<T>&, const T* grad, int64_t H, int64_t* word, T* rows, const Pool&);
};

struct SparseLinearKernels {
  SparseLinearFunctions<float> f32;
  SparseLinearFunctions<double> f64;
};

TOPICFORGE_KERNEL_TABLE(SparseLinearKernels, sparse_linear)

}  // namespace topicforge
