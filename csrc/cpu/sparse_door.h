// What the doors of the sparse operators share: checked sparse rows, outputs.
#pragma once

#include <array>
#include <limits>

#include "checks.h"
#include "cpu/huge_pages.h"
#include "cpu/kernels/sparse_rows.h"

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
  check_vector(op, "count or value", value, col.size(0));
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  STD_TORCH_CHECK(
      crow.size(0) <= most && col.size(0) < most, op,
      ": a batch must have fewer than 2^31 documents and entries; split it");
}

inline void check_shape(
    const char* op, const char* name, const Tensor& x, int64_t rows, int64_t columns) {
  check_matrix(op, name, x);
  STD_TORCH_CHECK(
      x.size(0) == rows && x.size(1) == columns, op, ": ", name, " must have shape (", rows, ", ",
      columns, "), but has (", x.size(0), ", ", x.size(1), ")");
}

// The rows of contiguous CPU tensors, every element checked: no kernel reads out of bounds.
template <class T>
SparseRows<T> sparse_rows(
    const char* op, const Tensor& crow, const Tensor& col, const Tensor& value, int64_t words) {
  const SparseRows<T> rows{
      crow.const_data_ptr<int64_t>(), col.const_data_ptr<int64_t>(), value.const_data_ptr<T>(),
      crow.size(0) - 1, col.size(0), words};
  STD_TORCH_CHECK(
      words < std::numeric_limits<int32_t>::max(), op, ": the vocabulary must be below 2^31");
  bool good = rows.crow[0] == 0 && rows.crow[rows.documents] == rows.entries;
  for (int64_t b = 0; b < rows.documents; ++b) good &= rows.crow[b] <= rows.crow[b + 1];
  STD_TORCH_CHECK(
      good, op, ": crow must rise from 0 to the number of entries ", rows.entries);
  // Negative numbers are large ones when read as unsigned.
  for (int64_t i = 0; i < rows.entries; ++i) {
    good &= static_cast<uint64_t>(rows.col[i]) < static_cast<uint64_t>(words);
  }
  STD_TORCH_CHECK(good, op, ": col must hold word numbers in [0, ", words, ")");
  return rows;
}

inline Tensor new_vector(const Tensor& like, int64_t size) {
  const std::array<int64_t, 1> shape{size};
  return torch::stable::new_empty(like, {shape.data(), shape.size()});
}

inline Tensor new_matrix(const Tensor& like, int64_t rows, int64_t columns) {
  const std::array<int64_t, 2> shape{rows, columns};
  return torch::stable::new_empty(like, {shape.data(), shape.size()});
}

inline void advise_huge_pages(const Tensor& x) {
  advise_huge_pages(
      x.mutable_data_ptr(), static_cast<size_t>(x.numel()) * static_cast<size_t>(x.element_size()));
}

// A gradient shaped like x; an empty tensor stands for one that is not wanted.
inline Tensor new_grad(const Tensor& x, bool wanted) {
  if (!wanted) return new_vector(x, 0);
  const Tensor grad = torch::stable::new_empty(x, x.sizes());
  advise_huge_pages(grad);
  return grad;
}

template <class T>
T* data_if(const Tensor& x, bool wanted) {
  return wanted ? x.mutable_data_ptr<T>() : nullptr;
}

}  // namespace topicforge
