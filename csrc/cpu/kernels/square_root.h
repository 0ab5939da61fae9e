// The square root of a vector, correctly rounded.
#pragma once

#include "cpu/kernels/vector.h"

namespace topicforge {
namespace {

template <class T>
inline Vec<T> square_root(Vec<T> x) {
#if defined(__x86_64__) && TOPICFORGE_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == sizeof(float)) {
    return (Vec<T>)_mm512_sqrt_ps((__m512)x);
  } else {
    return (Vec<T>)_mm512_sqrt_pd((__m512d)x);
  }
#elif defined(__x86_64__) && TOPICFORGE_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == sizeof(float)) {
    return (Vec<T>)_mm256_sqrt_ps((__m256)x);
  } else {
    return (Vec<T>)_mm256_sqrt_pd((__m256d)x);
  }
#elif defined(__x86_64__) && TOPICFORGE_VECTOR_BYTES == 16
  if constexpr (sizeof(T) == sizeof(float)) {
    return (Vec<T>)_mm_sqrt_ps((__m128)x);
  } else {
    return (Vec<T>)_mm_sqrt_pd((__m128d)x);
  }
#else
  for (int i = 0; i < kLanes<T>; ++i) {
    x[i] = sizeof(T) == sizeof(float) ? __builtin_sqrtf(x[i]) : __builtin_sqrt(x[i]);
  }
  return x;
#endif
}

}  // namespace
}  // namespace topicforge
