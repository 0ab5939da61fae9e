// Checks at the door of every operator: shapes, types and devices, before a kernel sees a pointer.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>

#ifndef STABLE_TORCH_ERROR_CODE_CHECK  // its name before torch 2.11
#define STABLE_TORCH_ERROR_CODE_CHECK TORCH_ERROR_CODE_CHECK
#endif

namespace topicforge {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

inline void check_matrix(const char* op, const char* name, const Tensor& x) {
  STD_TORCH_CHECK(x.dim() == 2, op, ": ", name, " must have 2 dimensions, but has ", x.dim());
}

inline void check_shape(
    const char* op, const char* name, const Tensor& x, int64_t rows, int64_t columns) {
  check_matrix(op, name, x);
  STD_TORCH_CHECK(
      x.size(0) == rows && x.size(1) == columns, op, ": ", name, " must have shape (", rows, ", ",
      columns, "), but has (", x.size(0), ", ", x.size(1), ")");
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

// `x` row by row. torch's own contiguous() looks its name up at every call, also where nothing is
// to be done: a microsecond each.
inline Tensor row_major(const Tensor& x) {
  return x.is_contiguous() ? x : torch::stable::contiguous(x);
}

// Memory of up to two dimensions for results, of the type and on the device of `like`, without the
// look-up of a name that torch::stable::new_empty costs.
inline Tensor room(const Tensor& like, torch::headeronly::IntHeaderOnlyArrayRef sizes) {
  const int64_t strides[2] = {sizes.size() == 2 && sizes[1] > 0 ? sizes[1] : 1, 1};
  STD_TORCH_CHECK(sizes.size() <= 2, "room: at most two dimensions");
  int32_t type, device, index;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_dtype(like.get(), &type));
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_type(like.get(), &device));
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_index(like.get(), &index));
  AtenTensorHandle result;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(
      static_cast<int64_t>(sizes.size()), sizes.data(), strides, type, device, index, &result));
  return Tensor(result);
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
