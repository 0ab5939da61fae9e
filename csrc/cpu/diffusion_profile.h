// The diffusion profile on vectors.
#pragma once

#include "cpu/vector.h"
#include "ops/diffusion_profile.h"

namespace topicforge {
namespace {

// k(x), and with `with_slope` k'(x) times the profile's factor.
template <class T, bool direct, bool with_slope>
inline void evaluate(const Profile<T>& profile, Vec<T> x, Vec<T>& value, Vec<T>& slope) {
  constexpr int degree = direct ? Profile<T>::kDirect : Profile<T>::kAngle;
  const Vec<T> u = x + x - T(1);
  Vec<T> v = splat<T>(profile.value[degree]);
  TOPICFORGE_UNROLL
  for (int i = degree - 1; i >= 0; --i) v = v * u + profile.value[i];
  if (!direct) v = exponential<T>(v * profile.rate);
  value = v;
  if (with_slope) {
    Vec<T> s = splat<T>(profile.slope[degree]);
    TOPICFORGE_UNROLL
    for (int i = degree - 1; i >= 0; --i) s = s * u + profile.slope[i];
    slope = direct ? s : s * profile.rate * v;
  }
}

}  // namespace
}  // namespace topicforge
