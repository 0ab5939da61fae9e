// The device that the file being compiled is for: ops/*.cpp become part of the CPU's library and, with
// TOPICFORGE_CUDA, of CUDA's.
#pragma once

#include "ops/arguments.h"
#include "ops/kernels.h"

// What follows it in braces are m.def(schema) calls, made by the CPU's library, which CUDA's
// needs beside it; or m.impl(name, TORCH_BOX(&function)) calls for the device.
#ifdef TOPICFORGE_CUDA
#include "cuda/launch.h"
#define TOPICFORGE_SCHEMAS(m) \
  [[maybe_unused]] static void unused_schemas(torch::stable::detail::StableLibrary& m)
#define TOPICFORGE_IMPLEMENTATIONS(m) STABLE_TORCH_LIBRARY_IMPL(topicforge, CUDA, m)
#else
#include <new>

#define TOPICFORGE_SCHEMAS(m) STABLE_TORCH_LIBRARY_FRAGMENT(topicforge, m)
#define TOPICFORGE_IMPLEMENTATIONS(m) STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m)
#endif

namespace topicforge {

#ifdef TOPICFORGE_CUDA
inline Device device_of(const Tensor& x) { return Device(x.get_device_index()); }
#else
// The pool that runs on torch's own threads, so that torch.set_num_threads holds for it too.
inline Device device_of(const Tensor&) {
  return {
      static_cast<int64_t>(torch::stable::get_num_threads()),
      [](int64_t workers, void (*worker)(void*, int64_t), void* context) {
        torch::stable::parallel_for(0, workers, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) worker(context, i);
        });
      },
      [](size_t bytes) { return ::operator new(bytes, std::align_val_t(64)); },
      [](void* memory) { ::operator delete(memory, std::align_val_t(64)); }};
}
#endif

}  // namespace topicforge
