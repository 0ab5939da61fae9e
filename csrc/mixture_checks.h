// Checks at the doors of the mixture operators, the same for CPU and CUDA.
#pragma once

#include "checks.h"

namespace topicforge {

inline void check_mixture(
    const char* op, const Tensor& loc, const Tensor& log_var, const Tensor* log_weight) {
  check_matrix(op, "loc", loc);
  check_matrix(op, "log_var", log_var);
  STD_TORCH_CHECK(
      loc.size(0) > 0 && loc.size(1) > 0, op, ": the mixture needs at least one component and "
      "one dimension, but loc has shape (", loc.size(0), ", ", loc.size(1), ")");
  STD_TORCH_CHECK(
      log_var.size(0) == loc.size(0) && (log_var.size(1) == 1 || log_var.size(1) == loc.size(1)),
      op, ": log_var must have shape (", loc.size(0), ", ", loc.size(1), ") or (", loc.size(0),
      ", 1), but has (", log_var.size(0), ", ", log_var.size(1), ")");
  if (log_weight != nullptr) check_vector(op, "log_weight", *log_weight, loc.size(0));
}

inline void check_points(const char* op, const char* name, const Tensor& z, const Tensor& loc) {
  check_matrix(op, name, z);
  check_columns(op, name, z, "loc", loc);
}

inline void check_same_shape(
    const char* op, const char* name, const Tensor& x, const Tensor& like) {
  check_matrix(op, name, x);
  STD_TORCH_CHECK(
      x.size(0) == like.size(0) && x.size(1) == like.size(1), op, ": ", name,
      " must have shape (", like.size(0), ", ", like.size(1), "), but has (", x.size(0), ", ",
      x.size(1), ")");
}

}  // namespace topicforge
