// What CUDA's functions run on: a device and torch's stream there, memory, a checked launch.
#pragma once

#include <cuda_runtime.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/macros.h>

#include <type_traits>

#include "ops/arguments.h"

namespace topicforge {
namespace cuda {

// Makes a device current for the scope, and knows torch's stream on it.
class Launch {
 public:
  explicit Launch(int32_t index) : guard_(index), index_(index) {
    void* stream = nullptr;
    STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(index, &stream));
    stream_ = static_cast<cudaStream_t>(stream);
  }
  cudaStream_t stream() const { return stream_; }
  int32_t index() const { return index_; }

 private:
  torch::stable::accelerator::DeviceGuard guard_;
  int32_t index_;
  cudaStream_t stream_;
};

inline void check_launch() { STD_CUDA_KERNEL_LAUNCH_CHECK(); }

template <class T>
int32_t type_of() {
  if constexpr (std::is_same_v<T, int64_t>) return aoti_torch_dtype_int64();
  return sizeof(T) == sizeof(float) ? aoti_torch_dtype_float32() : aoti_torch_dtype_float64();
}

// Numbers that lie on the device already, as a tensor (rows, columns) for torch's own operators.
template <class T>
Tensor view(
    const Launch& launch, const T* data, int64_t rows, int64_t columns, int64_t row_stride,
    int64_t column_stride) {
  const int64_t sizes[2] = {rows, columns}, strides[2] = {row_stride, column_stride};
  AtenTensorHandle handle;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_create_tensor_from_blob(
      const_cast<T*>(data), 2, sizes, strides, 0, type_of<T>(), aoti_torch_device_type_cuda(),
      launch.index(), &handle));
  return Tensor(handle);
}

// Memory of torch's allocator, so that it is reused in the order of the stream.
template <class T>
class Buffer {
 public:
  Buffer(const Launch& launch, int64_t count) {
    const int64_t size = count > 0 ? count : 1, stride = 1;
    AtenTensorHandle handle;
    STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(
        1, &size, &stride, type_of<T>(), aoti_torch_device_type_cuda(), launch.index(), &handle));
    tensor_ = Tensor(handle);
  }
  T* get() const { return tensor_.mutable_data_ptr<T>(); }

 private:
  Tensor tensor_;
};

inline int64_t blocks_for(int64_t count, int64_t size) { return (count + size - 1) / size; }

}  // namespace cuda
}  // namespace topicforge
