// Checks of operators that write to named rows of a matrix.
#pragma once

#include "checks.h"

namespace topicforge {

// Rising row numbers come once each: no two tasks write to one row.
inline void check_rising(const char* op, const Tensor& row, int64_t words) {
  STD_TORCH_CHECK(row.scalar_type() == ScalarType::Long, op, ": row must be int64");
  const int64_t rows = row.size(0);
  const int64_t* r = row.const_data_ptr<int64_t>();
  bool good = rows == 0 || (r[0] >= 0 && r[rows - 1] < words);
  for (int64_t i = 1; i < rows; ++i) good &= r[i - 1] < r[i];
  STD_TORCH_CHECK(
      good, op, ": row must rise within [0, ", words, ") without repeats; coalesce the gradient");
}

}  // namespace topicforge
