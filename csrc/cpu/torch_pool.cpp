#include "cpu/torch_pool.h"

#include <torch/csrc/stable/ops.h>

#include <new>

namespace topicforge {
namespace {

void launch(int64_t workers, void (*worker)(void*, int64_t), void* context) {
  torch::stable::parallel_for(0, workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) worker(context, i);
  });
}

void* allocate(size_t bytes) { return ::operator new(bytes, std::align_val_t(64)); }

void release(void* memory) { ::operator delete(memory, std::align_val_t(64)); }

}  // namespace

Pool torch_pool() {
  return Pool{static_cast<int64_t>(torch::stable::get_num_threads()), launch, allocate, release};
}

}  // namespace topicforge
