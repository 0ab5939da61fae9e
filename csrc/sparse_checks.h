// What the doors of the sparse operators share on every device: checks, new tensors.
#pragma once

#include <array>
#include <limits>

#include "checks.h"
#include "ops/sparse_rows.h"

namespace topicforge {

// Shapes and types of crow (B + 1,), col (nnz,) and value (nnz,); reads no element.
inline void check_rows(
    const char* op, const Tensor& crow, const Tensor& col, const Tensor& value) {
  STD_TORCH_CHECK(
      crow.scalar_type() == ScalarType::Long && col.scalar_type() == ScalarType::Long, op,
      ": crow and col must be int64; convert them");
  STD_TORCH_CHECK(
      crow.dim() == 1 && crow.size(0) > 0, op,
      ": crow must have shape (B + 1,), but has ", crow.dim(), " dimensions and ", crow.numel(),
      " elements");
  STD_TORCH_CHECK(col.dim() == 1, op, ": col must have 1 dimension, but has ", col.dim());
  STD_TORCH_CHECK(
      crow.size(0) > 1 || col.size(0) == 0, op, ": there are entries, but no document holds them");
  check_vector(op, "count or value", value, col.size(0));
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  STD_TORCH_CHECK(
      crow.size(0) <= most && col.size(0) < most, op,
      ": a batch must have fewer than 2^31 documents and entries; split it");
}

inline Tensor new_vector(const Tensor& like, int64_t size) {
  const std::array<int64_t, 1> shape{size};
  return torch::stable::new_empty(like, {shape.data(), shape.size()});
}

inline Tensor new_matrix(const Tensor& like, int64_t rows, int64_t columns) {
  const std::array<int64_t, 2> shape{rows, columns};
  return torch::stable::new_empty(like, {shape.data(), shape.size()});
}

template <class T>
T* data_if(const Tensor& x, bool wanted) {
  return wanted ? x.mutable_data_ptr<T>() : nullptr;
}

}  // namespace topicforge
