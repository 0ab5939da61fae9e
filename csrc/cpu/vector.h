// Vectors as wide as the instruction set being compiled, and the few functions on them.
//
// Everything is in an anonymous namespace: each kernel file and each instruction set has its
// own copy, and no two copies can be mistaken for each other by the linker.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define TOPICFORGE_UNROLL _Pragma("GCC unroll 32")

namespace topicforge {
namespace {

template <class T>
struct Vector;

template <>
struct Vector<float> {
  typedef float type __attribute__((vector_size(TOPICFORGE_VECTOR_BYTES)));
  typedef int32_t bits __attribute__((vector_size(TOPICFORGE_VECTOR_BYTES)));
};

template <>
struct Vector<double> {
  typedef double type __attribute__((vector_size(TOPICFORGE_VECTOR_BYTES)));
  typedef int64_t bits __attribute__((vector_size(TOPICFORGE_VECTOR_BYTES)));
};

template <class T>
using Vec = typename Vector<T>::type;
template <class T>
using Bits = typename Vector<T>::bits;

template <class T>
constexpr int kLanes = TOPICFORGE_VECTOR_BYTES / static_cast<int>(sizeof(T));

// 32 vector registers with AVX-512 (and on 64-bit Arm), 16 below.
#if TOPICFORGE_VECTOR_BYTES == 64 || defined(__aarch64__)
constexpr bool kManyRegisters = true;
#else
constexpr bool kManyRegisters = false;
#endif

template <class T>
inline Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}

template <class T>
inline void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof(v));
}

template <class T>
inline Vec<T> splat(T x) {
  return x - Vec<T>{};
}

template <class T>
inline Vec<T> maximum(Vec<T> a, Vec<T> b) {
  return a > b ? a : b;
}

template <class T>
inline T sum(Vec<T> v) {
  T lanes[kLanes<T>];
  store<T>(lanes, v);
  for (int width = kLanes<T> / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

// Constants of exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2: adding `magic` rounds
// to an integer and leaves it in the low bits; ln 2 in two parts, the first exact times n.
template <class T>
struct Exp;

template <>
struct Exp<float> {
  static constexpr float magic = 12582912.0f;  // 1.5 * 2^23
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr float lowest = -86.64340f;  // -125 ln 2: below it the result is 0
  static constexpr float highest = 88.72283f;
  static constexpr int mantissa = 23, degree = 7;  // ln2/2 ^ 8 / 8! = 5e-9
  static constexpr int32_t half = 0x3f000000;
};

template <>
struct Exp<double> {
  static constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6;
  static constexpr double lowest = -707.7032713651796, highest = 709.782712893384;
  static constexpr int mantissa = 52, degree = 13;  // ln2/2 ^ 14 / 14! = 4e-18
  static constexpr int64_t half = 0x3fe0000000000000;
};

template <class T>
constexpr T reciprocal_factorial(int n) {
  double product = 1.0;
  for (int i = 2; i <= n; ++i) product *= i;
  return static_cast<T>(1.0 / product);
}

// exp(x), relative error about one unit in the last place. Results next to the subnormal range
// are 0, exp(-inf) = 0, exp of what overflows is inf, NaN stays NaN.
template <class T>
inline Vec<T> exponential(Vec<T> x) {
  using E = Exp<T>;
  constexpr T log2_e = T(1.4426950408889634);
  const Vec<T> low = splat<T>(E::lowest), high = splat<T>(E::highest);
  Vec<T> y = x < low ? low : x;
  y = y > high ? high : y;
  const Vec<T> shifted = y * log2_e + E::magic;
  const Vec<T> n = shifted - E::magic;
  const Vec<T> r = (y - n * E::ln2_high) - n * E::ln2_low;
  Vec<T> p = splat<T>(reciprocal_factorial<T>(E::degree));
  TOPICFORGE_UNROLL
  for (int i = E::degree - 1; i >= 0; --i) p = p * r + reciprocal_factorial<T>(i);
  // 2 * 2^(n - 1): n = 128 (1024), reached just below the overflow, has no exponent of its own.
  const Vec<T> half = (Vec<T>)(((Bits<T>)shifted << E::mantissa) + E::half);
  const Vec<T> result = (p * half) * T(2);
  const Vec<T> infinite = splat<T>(T(__builtin_inf()));
  return x < low ? Vec<T>{} : (x > high ? infinite : result);
}

// The elements out[i] = exp(factor * in[i]), i < count.
template <class T>
inline void exponential_of(const T* in, T factor, T* out, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) {
    store<T>(out + i, exponential<T>(load(in + i) * factor));
  }
  if (i < count) {
    T tail[kLanes<T>] = {};
    for (int64_t j = i; j < count; ++j) tail[j - i] = in[j];
    store<T>(tail, exponential<T>(load(tail) * factor));
    for (int64_t j = i; j < count; ++j) out[j] = tail[j - i];
  }
}

}  // namespace
}  // namespace topicforge
