// The natural logarithm on vectors.
#pragma once

#include "cpu/vector.h"

namespace topicforge {
namespace {

template <class T>
struct Log;

template <>
struct Log<float> {
  static constexpr int mantissa = 23, bias = 127, terms = 5;  // 0.1716^11 / 11 = 4e-10
  static constexpr int32_t half_root = 0x3f3504f3;            // sqrt(1/2)
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
};

template <>
struct Log<double> {
  static constexpr int mantissa = 52, bias = 1023, terms = 10;  // 0.1716^21 / 21 = 4e-18
  static constexpr int64_t half_root = 0x3fe6a09e667f3bcd;
  static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6;
};

// log(x) for normal x > 0 within two units in the last place; inf and NaN stay. x = 2^n m with m in
// [sqrt(1/2), sqrt 2), and log m = 2 artanh(s) = 2 Σ s^(2i+1) / (2i+1), s = (m - 1)/(m + 1).
template <class T>
inline Vec<T> logarithm(Vec<T> x) {
  using L = Log<T>;
  const Bits<T> raised = (Bits<T>)x - L::half_root;
  const Bits<T> n = raised >> L::mantissa;
  const Vec<T> m = (Vec<T>)((Bits<T>)x - (n << L::mantissa));
  const Vec<T> s = (m - T(1)) / (m + T(1));
  const Vec<T> z = s * s;
  Vec<T> series = splat<T>(T(2) / T(2 * L::terms - 1));
  TOPICFORGE_UNROLL
  for (int i = L::terms - 2; i >= 1; --i) series = series * z + T(2) / T(2 * i + 1);
  const Vec<T> exponent = __builtin_convertvector(n, Vec<T>);
  // Smallest terms first.
  const Vec<T> y = exponent * L::ln2_high + (s * T(2) + (s * (z * series) + exponent * L::ln2_low));
  return x < T(__builtin_inf()) ? y : x;
}

}  // namespace
}  // namespace topicforge
