// Documents of a corpus, in any order, as a batch. Copies and checks alone: nothing that another
// instruction set would do faster, so there is no kernel file for it.
#include <array>
#include <tuple>

#include "checks.h"
#include "cpu/torch_pool.h"
#include "sparse_checks.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "gather_rows";
// documents a task; a batch of one task stays on the calling thread
constexpr int64_t kTask = 256;

template <class Count>
void copy(
    const int64_t* indptr, const int32_t* indices, const Count* counts, const int64_t* rows,
    int64_t documents, int64_t words, const int64_t* crow, int64_t* col, float* count) {
  // -1 where all words are below V, else the number of a document that has another
  int64_t bad = -1;
  const int64_t tasks = (documents + kTask - 1) / kTask;
  for_tasks<char>(torch_pool(), tasks, 0, [&](int64_t task, char*) {
    const int64_t stop = task * kTask + kTask < documents ? task * kTask + kTask : documents;
    for (int64_t b = task * kTask; b < stop; ++b) {
      const int64_t begin = indptr[rows[b]], n = crow[b + 1] - crow[b];
      const int32_t* from = indices + begin;
      int64_t* to = col + crow[b];
      uint32_t largest = 0;
      for (int64_t i = 0; i < n; ++i) {
        // a negative word is a very large one without its sign
        const uint32_t word = static_cast<uint32_t>(from[i]);
        largest = word > largest ? word : largest;
        to[i] = from[i];
      }
      if (n > 0 && largest >= static_cast<uint64_t>(words)) {
        __atomic_store_n(&bad, rows[b], __ATOMIC_RELAXED);
      }
      const Count* value = counts + begin;
      float* out = count + crow[b];
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(value[i]);
    }
  });
  STD_TORCH_CHECK(
      bad < 0, kOp, ": words must be in [0, ", words, "), but document ", bad, " has another");
}

std::tuple<Tensor, Tensor, Tensor> gather(
    const Tensor& indptr_in, const Tensor& indices_in, const Tensor& counts_in,
    const Tensor& rows_in, int64_t words) {
  STD_TORCH_CHECK(
      indptr_in.scalar_type() == ScalarType::Long && rows_in.scalar_type() == ScalarType::Long, kOp,
      ": indptr and rows must be int64");
  STD_TORCH_CHECK(indices_in.scalar_type() == ScalarType::Int, kOp, ": indices must be int32");
  const bool whole = counts_in.scalar_type() == ScalarType::Int;
  STD_TORCH_CHECK(
      whole || counts_in.scalar_type() == ScalarType::Float, kOp,
      ": counts must be int32 or float32");
  STD_TORCH_CHECK(
      indptr_in.dim() == 1 && indptr_in.size(0) > 0, kOp, ": indptr must have shape (N + 1,)");
  check_vector(kOp, "rows", rows_in, rows_in.numel());
  check_vector(kOp, "indices", indices_in, indices_in.numel());
  check_vector(kOp, "counts", counts_in, indices_in.numel());
  const Tensor indptr = row_major(indptr_in), indices = row_major(indices_in);
  const Tensor counts = row_major(counts_in), rows = row_major(rows_in);
  const int64_t documents = rows.size(0), all = indptr.size(0) - 1, entries = indices.numel();
  const int64_t* at = indptr.const_data_ptr<int64_t>();
  const int64_t* row = rows.const_data_ptr<int64_t>();
  const Tensor crow = new_vector(rows, documents + 1);
  int64_t* offset = crow.mutable_data_ptr<int64_t>();
  offset[0] = 0;
  for (int64_t b = 0; b < documents; ++b) {
    STD_TORCH_CHECK(
        row[b] >= 0 && row[b] < all, kOp, ": documents must be in [0, ", all, "), but one is ",
        row[b]);
    const int64_t begin = at[row[b]], end = at[row[b] + 1];
    // the file may have been damaged since it was opened: nothing outside of it is read
    STD_TORCH_CHECK(
        0 <= begin && begin <= end && end <= entries, kOp, ": document ", row[b],
        " must lie within the ", entries, " entries, but goes from ", begin, " to ", end);
    offset[b + 1] = offset[b] + (end - begin);
  }
  const Tensor col = new_vector(rows, offset[documents]);
  Tensor count;
  if (whole) {
    // new memory takes the type of `like`, and a batch is float32 whatever the corpus is
    const std::array<int64_t, 1> shape{offset[documents]};
    count = torch::stable::new_empty(
        counts, {shape.data(), shape.size()}, std::make_optional(ScalarType::Float));
  } else {
    count = new_vector(counts, offset[documents]);
  }
  if (documents > 0) {
    float* out = count.mutable_data_ptr<float>();
    int64_t* words_out = col.mutable_data_ptr<int64_t>();
    const int32_t* word = indices.const_data_ptr<int32_t>();
    if (whole) {
      copy(at, word, counts.const_data_ptr<int32_t>(), row, documents, words, offset, words_out, out);
    } else {
      copy(at, word, counts.const_data_ptr<float>(), row, documents, words, offset, words_out, out);
    }
  }
  return {crow, col, count};
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("gather_rows", TORCH_BOX(&topicforge::gather));
}
