// A batch of counts as an operator's arguments.
#pragma once

#include <limits>

#include "ops/device.h"
#include "ops/sparse_rows.h"

namespace topicforge {

// crow (B + 1,), col (nnz,) and value (nnz,) of documents over `words` words. On the CPU every
// element is checked, so that no kernel reads out of bounds. On CUDA that would wait for the device: there a
// kernel takes a word number outside of the vocabulary for NaN.
struct Counts {
  Counts(
      Arguments& in, const Tensor& crow_in, const Tensor& col_in, const Tensor& value_in,
      int64_t words)
      : crow(in.integers("crow", crow_in, {kAny})),
        col(in.integers("col", col_in, {kAny})),
        value(in.numbers("count or value", value_in, {col.size(0)})),
        documents(crow.size(0) - 1),
        entries(col.size(0)),
        words(words) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    STD_TORCH_CHECK(
        documents >= 0 && (documents > 0 || entries == 0), in.op(),
        ": crow must have one entry more than there are documents");
    STD_TORCH_CHECK(
        documents < most && entries < most && words >= 0 && words < most, in.op(),
        ": documents, entries and words must be fewer than 2^31; split the batch");
#ifndef TOPICFORGE_CUDA
    const int64_t *c = read<int64_t>(crow), *w = read<int64_t>(col);
    bool good = c[0] == 0 && c[documents] == entries;
    for (int64_t b = 0; b < documents; ++b) good &= c[b] <= c[b + 1];
    STD_TORCH_CHECK(
        good, in.op(), ": crow must rise from 0 to the number of entries ", entries);
    // Negative numbers are large ones when read as unsigned.
    for (int64_t i = 0; i < entries; ++i) {
      good &= static_cast<uint64_t>(w[i]) < static_cast<uint64_t>(words);
    }
    STD_TORCH_CHECK(good, in.op(), ": col must hold word numbers in [0, ", words, ")");
#endif
  }

  template <class T>
  SparseRows<T> rows() const {
    return {read<int64_t>(crow), read<int64_t>(col), read<T>(value), documents, entries, words};
  }

  Tensor crow, col, value;
  int64_t documents, entries, words;
};

}  // namespace topicforge
