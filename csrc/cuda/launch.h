// What every CUDA door needs: the device and stream of its tensors, memory, a checked launch.
#pragma once

#include <cuda_runtime.h>
#include <torch/csrc/stable/accelerator.h>

#include <array>

#include "checks.h"
#include "cuda/tiles.cuh"

namespace topicforge {
namespace cuda {

// Makes the tensor's device current for the scope, and knows torch's stream on it.
class Launch {
 public:
  explicit Launch(const Tensor& x) : guard_(x.get_device_index()) {
    void* stream = nullptr;
    STABLE_TORCH_ERROR_CODE_CHECK(
        aoti_torch_get_current_cuda_stream(x.get_device_index(), &stream));
    stream_ = static_cast<cudaStream_t>(stream);
  }
  cudaStream_t stream() const { return stream_; }

 private:
  torch::stable::accelerator::DeviceGuard guard_;
  cudaStream_t stream_;
};

inline void check_launch() { STD_CUDA_KERNEL_LAUNCH_CHECK(); }

// Scratch on the device of `like`, of torch's allocator, so that it is reused in stream order.
template <class T>
class Buffer {
 public:
  Buffer(const Tensor& like, int64_t count)
      : tensor_(torch::stable::new_empty(
            like, shape(count),
            sizeof(T) == sizeof(float) ? ScalarType::Float : ScalarType::Double)) {}
  T* get() const { return static_cast<T*>(tensor_.mutable_data_ptr()); }

 private:
  torch::headeronly::IntHeaderOnlyArrayRef shape(int64_t count) {
    size_[0] = count > 0 ? count : 1;
    return {size_.data(), 1};
  }
  std::array<int64_t, 1> size_;
  Tensor tensor_;
};

inline int64_t blocks_for(int64_t count, int64_t size) { return (count + size - 1) / size; }

inline dim3 square_block() { return dim3(kSide, kSide); }

}  // namespace cuda
}  // namespace topicforge
