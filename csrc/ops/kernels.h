// How an operator finds its arithmetic: functions on raw pointers, one set of them per device, number
// type and, on the CPU, instruction set.
//
// ops/<op>.h declares the functions and cpu/<op>.cpp and cuda/<op>.cu define them. cpu/<op>.cpp is compiled once per
// instruction set; TOPICFORGE_SET names the one being compiled ("cuda" for CUDA).
#pragma once

#include <cstdint>

#ifdef TOPICFORGE_CUDA
namespace topicforge::cuda {
class Launch;
}
namespace topicforge {
using Device = cuda::Launch;
}
#else
#include "instruction_set.h"
#include "cpu/pool.h"
namespace topicforge {
using Device = Pool;
}
#endif

namespace topicforge {

template <template <class> class Functions>
struct Kernels {
  Functions<float> f32;
  Functions<double> f64;

  template <class T>
  const Functions<T>& of() const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return f32;
    } else {
      return f64;
    }
  }
};

}  // namespace topicforge

// TOPICFORGE_KERNELS(Functions, op) declares op_kernels<T>(), the functions to call for numbers of type T.
#if defined(TOPICFORGE_CUDA)
#define TOPICFORGE_KERNELS(Functions, op)    \
  extern const Kernels<Functions> op##_cuda; \
  template <class T>                         \
  const Functions<T>& op##_kernels() {       \
    return op##_cuda.of<T>();                \
  }
#elif defined(TOPICFORGE_X86_SETS)
#define TOPICFORGE_KERNELS(Functions, op)                                \
  extern const Kernels<Functions> op##_baseline, op##_avx2, op##_avx512; \
  template <class T>                                                     \
  const Functions<T>& op##_kernels() {                                   \
    return pick(op##_baseline, op##_avx2, op##_avx512).of<T>();          \
  }
#else
#define TOPICFORGE_KERNELS(Functions, op)        \
  extern const Kernels<Functions> op##_baseline; \
  template <class T>                             \
  const Functions<T>& op##_kernels() {           \
    return op##_baseline.of<T>();                \
  }
#endif

// At the foot of a kernel file: the functions of the set being compiled, from a template
// `functions<T>` of that file.
#define TOPICFORGE_DEFINE_KERNELS(Functions, op)                        \
  extern const Kernels<Functions> TOPICFORGE_PASTE(op, TOPICFORGE_SET); \
  const Kernels<Functions> TOPICFORGE_PASTE(op, TOPICFORGE_SET) = {     \
      functions<float>, functions<double>};
#define TOPICFORGE_PASTE(a, b) TOPICFORGE_PASTE_2(a, b)
#define TOPICFORGE_PASTE_2(a, b) a##_##b
