// Runs CUDA device code on the CPU, where there is no device: one block after the other, every
// thread of a block a fiber, __syncthreads a switch to the next fiber. It shows whether indices,
// barriers and sums are right (the sanitizers see every access); it says nothing of speed, nor of
// what a device's own arithmetic rounds differently.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <vector>

struct dim3 {
  unsigned x, y, z;
  explicit dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__
#define __shared__ static  // blocks run one after the other, so one copy is the block's own

namespace emulator {

struct Fiber {
  ucontext_t context;
  std::vector<char> stack = std::vector<char>(1 << 16);
  dim3 thread;
  bool done = false;
};

inline ucontext_t scheduler;
inline Fiber* running = nullptr;
inline const std::function<void()>* body = nullptr;

inline void enter() {
  (*body)();
  running->done = true;
  swapcontext(&running->context, &scheduler);
}

// Every thread runs to its next barrier (or its end) before any runs on. A thread that has ended
// while others wait is what a device would hang on, and is an error here.
inline void run_block(const std::function<void()>& kernel) {
  static std::vector<Fiber> fibers;
  body = &kernel;
  fibers.resize(blockDim.x * blockDim.y * blockDim.z);
  for (size_t i = 0; i < fibers.size(); ++i) {
    Fiber& fiber = fibers[i];
    fiber.done = false;
    fiber.thread = dim3(
        static_cast<unsigned>(i) % blockDim.x, static_cast<unsigned>(i) / blockDim.x % blockDim.y,
        static_cast<unsigned>(i) / (blockDim.x * blockDim.y));
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, enter, 0);
  }
  for (size_t ended = 0; ended < fibers.size();) {
    ended = 0;
    for (Fiber& fiber : fibers) {
      running = &fiber;
      threadIdx = fiber.thread;
      swapcontext(&scheduler, &fiber.context);
      ended += fiber.done ? 1 : 0;
    }
    if (ended != 0 && ended != fibers.size()) std::abort();  // a barrier not reached by all
  }
}

template <class Kernel, class... Arguments>
void launch(dim3 grid, dim3 block, const Kernel& kernel, const Arguments&... arguments) {
  gridDim = grid;
  blockDim = block;
  const std::function<void()> call = [&] { kernel(arguments...); };
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = dim3(x, y, z);
        run_block(call);
      }
    }
  }
}

}  // namespace emulator

inline void __syncthreads() { swapcontext(&emulator::running->context, &emulator::scheduler); }
