// What the CPU doors of the sparse operators share: checked sparse rows, gradients.
#pragma once

#include "cpu/huge_pages.h"
#include "sparse_checks.h"

namespace topicforge {

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

}  // namespace topicforge
