// Checks of an operator's arguments before anything reads a pointer, and memory for its results.
//
// Python says in full what is wrong with an argument, before it calls the operator; scripted modules and C++ programs
// reach the operator directly, so that every shape, type and device is held here too.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <initializer_list>
#include <string>

#ifndef TOPICFORGE_CUDA
#include "cpu/huge_pages.h"
#endif

#ifndef STABLE_TORCH_ERROR_CODE_CHECK  // its name before torch 2.11
#define STABLE_TORCH_ERROR_CODE_CHECK TORCH_ERROR_CODE_CHECK
#endif

namespace topicforge {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using Sizes = std::initializer_list<int64_t>;

constexpr int64_t kAny = -1;  // in Sizes: any number, as long as the dimension exists

// The arguments of one call: floating-point numbers of one type, and int64 numbers beside them, all
// on one device.
class Arguments {
 public:
  explicit Arguments(const char* op) : op_(op) {}

  // `x`, stored row by row, after checking that it holds numbers of these sizes and of the type of
  // those before it, float32 or float64. Half types are widened in Python.
  Tensor numbers(const char* name, const Tensor& x, Sizes sizes) {
    check_numbers(name, x, sizes);
    return row_by_row(x);
  }

  // The same of int64 numbers.
  Tensor integers(const char* name, const Tensor& x, Sizes sizes) {
    STD_TORCH_CHECK(x.scalar_type() == ScalarType::Long, op_, ": ", name, " must be int64");
    check_place(name, x, sizes);
    return row_by_row(x);
  }

  // numbers(), for an argument that is read where it lies, by its strides.
  void check_numbers(const char* name, const Tensor& x, Sizes sizes) {
    const ScalarType type = x.scalar_type();
    if (type_ == ScalarType::Undefined) type_ = type;
    STD_TORCH_CHECK(
        type == type_ && (type == ScalarType::Float || type == ScalarType::Double), op_,
        ": all tensors must be float32, or all float64, but ", name, " is ",
        torch::headeronly::toString(type));
    check_place(name, x, sizes);
  }

  // Runs body(T{}), T the type of the numbers.
  template <class Body>
  void with_type(const Body& body) const {
    if (type_ == ScalarType::Float) {
      body(float{});
    } else {
      body(double{});
    }
  }

  const char* op() const { return op_; }

 private:
  void check_place(const char* name, const Tensor& x, Sizes sizes) {
    bool good = x.dim() == static_cast<int64_t>(sizes.size());
    int64_t at = 0;
    for (const int64_t size : sizes) {
      good = good && (size == kAny || x.size(at) == size);
      ++at;
    }
    if (!good) refuse_shape(name, x, sizes);
    const int32_t device = x.is_cuda() ? x.get_device_index() : -1;
    if (device_ == kNone) device_ = device;
    STD_TORCH_CHECK(device == device_, op_, ": ", name, " is on another device than what comes before it");
  }

  [[noreturn]] void refuse_shape(const char* name, const Tensor& x, Sizes sizes) const {
    std::string wanted, came;
    for (const int64_t size : sizes) wanted += size == kAny ? "any, " : std::to_string(size) + ", ";
    for (int64_t i = 0; i < x.dim(); ++i) came += std::to_string(x.size(i)) + ", ";
    STD_TORCH_CHECK(false, op_, ": ", name, " must have shape (", wanted, "), but has (", came, ")");
    __builtin_unreachable();
  }

  // torch's own contiguous() looks its name up at every call, also where nothing is to be done: a
  // microsecond each.
  static Tensor row_by_row(const Tensor& x) {
    return x.is_contiguous() ? x : torch::stable::contiguous(x);
  }

  static constexpr int32_t kNone = -2;
  const char* op_;
  ScalarType type_ = ScalarType::Undefined;
  int32_t device_ = kNone;
};

// A new tensor of the type and on the device of `like`, its elements not set. torch::stable::new_empty
// looks its name up at every call, which this avoids. On the CPU large ones lie on large pages.
inline Tensor empty(const Tensor& like, Sizes sizes) {
  STD_TORCH_CHECK(sizes.size() <= 2, "empty: at most two dimensions");
  const int64_t columns = sizes.size() == 2 ? sizes.begin()[1] : 1;
  const int64_t strides[2] = {sizes.size() == 2 && columns > 0 ? columns : 1, 1};
  int32_t type, device, index;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_dtype(like.get(), &type));
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_type(like.get(), &device));
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_index(like.get(), &index));
  AtenTensorHandle handle;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(
      static_cast<int64_t>(sizes.size()), sizes.begin(), strides, type, device, index, &handle));
  const Tensor result(handle);
#ifndef TOPICFORGE_CUDA
  advise_huge_pages(
      result.mutable_data_ptr(),
      static_cast<size_t>(result.numel()) * static_cast<size_t>(result.element_size()));
#endif
  return result;
}

// For the gradient of `x`, which has one or two dimensions; without elements where none is wanted.
inline Tensor empty_gradient(const Tensor& x, bool wanted = true) {
  if (!wanted) return empty(x, {0});
  return x.dim() == 2 ? empty(x, {x.size(0), x.size(1)}) : empty(x, {x.size(0)});
}

template <class T>
const T* read(const Tensor& x) {
  return x.const_data_ptr<T>();
}

template <class T>
T* write(const Tensor& x) {
  return x.mutable_data_ptr<T>();
}

template <class T>
T* write_if(bool wanted, const Tensor& x) {
  return wanted ? write<T>(x) : nullptr;
}

}  // namespace topicforge
