// The encoders' first layer: y_b = bias + Σ_v x_bv W_v.
#pragma once

#include "ops/kernels.h"
#include "ops/sparse_rows.h"

namespace topicforge {

// Memory for `count` words and for as many rows, once their number is known.
template <class T>
class MakeRows {
 public:
  template <class Make>
  explicit MakeRows(const Make& make)
      : context_(&make), call_([](const void* context, int64_t count, int64_t** word, T** rows) {
          (*static_cast<const Make*>(context))(count, word, rows);
        }) {}
  void operator()(int64_t count, int64_t** word, T** rows) const {
    call_(context_, count, word, rows);
  }

 private:
  const void* context_;
  void (*call_)(const void*, int64_t, int64_t**, T**);
};

template <class T>
struct SparseLinearFunctions {
  // weight (V, H) and bias (H,) → out (B, H).
  void (*forward)(
      const SparseRows<T>&, const T* weight, const T* bias, int64_t H, T* out, const Device&);
  // From grad (B, H): grad_value (nnz,), grad_weight (V, H), grad_bias (H,); null where unwanted.
  void (*backward)(
      const SparseRows<T>&, const T* grad, const T* weight, int64_t H, T* grad_value,
      T* grad_weight, T* grad_bias, const Device&);
  // The words that occur, rising, and their rows of grad_weight, into what `make` gives for their number.
  void (*backward_rows)(
      const SparseRows<T>&, const T* grad, int64_t H, const MakeRows<T>& make, const Device&);
};

TOPICFORGE_KERNELS(SparseLinearFunctions, sparse_linear)

}  // namespace topicforge
