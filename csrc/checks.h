// Checks at the door of every operator: shapes, types and devices, before a kernel sees a pointer.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>

namespace topicforge {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

inline void check_matrix(const char* op, const char* name, const Tensor& x) {
  STD_TORCH_CHECK(x.dim() == 2, op, ": ", name, " must have 2 dimensions, but has ", x.dim());
}

inline void check_vector(const char* op, const char* name, const Tensor& x, int64_t size) {
  STD_TORCH_CHECK(
      x.dim() == 1 && x.size(0) == size, op, ": ", name, " must have shape (", size,
      ",), but has ", x.dim(), " dimensions and ", x.numel(), " elements");
}

inline void check_columns(
    const char* op, const char* name, const Tensor& x, const char* other, const Tensor& y) {
  STD_TORCH_CHECK(
      x.size(1) == y.size(1), op, ": ", name, " and ", other,
      " must have as many columns, but have ", x.size(1), " and ", y.size(1));
}

// float32 or float64, the same for all, on the same device. Half types are widened in Python.
template <class... Rest>
ScalarType check_types(const char* op, const Tensor& first, const Rest&... rest) {
  const ScalarType type = first.scalar_type();
  STD_TORCH_CHECK(
      type == ScalarType::Float || type == ScalarType::Double, op,
      ": tensors must be float32 or float64, but the first is ",
      torch::headeronly::toString(type), "; convert it");
  [[maybe_unused]] auto check = [&](const Tensor& x) {
    STD_TORCH_CHECK(
        x.scalar_type() == type, op, ": all tensors must have one type, but there are ",
        torch::headeronly::toString(type), " and ",
        torch::headeronly::toString(x.scalar_type()), "; convert one of them");
    STD_TORCH_CHECK(
        x.is_cuda() == first.is_cuda() && x.get_device_index() == first.get_device_index(), op,
        ": all tensors must be on one device; move one of them");
  };
  (check(rest), ...);
  return type;
}

// Runs `body(T{})` with T = float or double. The type has been checked before.
template <class Body>
void with_type(ScalarType type, const Body& body) {
  if (type == ScalarType::Float) {
    body(float{});
  } else {
    body(double{});
  }
}

}  // namespace topicforge
