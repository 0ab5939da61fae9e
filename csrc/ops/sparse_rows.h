// A batch of documents as the kernels see it, on the CPU and on CUDA.
#pragma once

#include <cstdint>

namespace topicforge {

// Compressed sparse rows. Document b holds entries crow[b] ... crow[b + 1] - 1. ops/counts.h has
// checked that crow rises from 0 to `entries` and that every col is in [0, words), and that
// documents, entries and words are below 2^31.
template <class T>
struct SparseRows {
  const int64_t* crow;  // (documents + 1,)
  const int64_t* col;   // (entries,)
  const T* value;       // (entries,)
  int64_t documents, entries, words;
};

}  // namespace topicforge
