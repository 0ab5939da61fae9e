// k(x) = exp(-arccos²(x) / t) and its slope on [0, 1] as polynomials, fitted for a given t.
//
// Both functions are analytic on [0, 1], x = 1 included: arccos²(x) = 2 (1 - x) + (1 - x)²/3 +
// ..., its slope at 1 is -2; the nearest singularity is x = -1. So Chebyshev interpolants
// converge like 5.8^-degree (times what 1/t adds), and no arccos, square root or guard against
// 0 · inf is left in the inner loop. Where t is so small that the degree does not suffice, the
// polynomial is that of arccos² alone and an exponential follows.
#pragma once

#include <cmath>

namespace topicforge {
namespace {

// Degrees of the two fits, and how small the last coefficients must be for the first.
template <class T>
struct ProfileDegree;
template <>
struct ProfileDegree<float> {
  static constexpr int direct = 8, angle = 9;
  static constexpr double tolerance = 2e-8;
};
template <>
struct ProfileDegree<double> {
  static constexpr int direct = 16, angle = 20;
  static constexpr double tolerance = 2e-16;
};

// arccos²(x) and its derivative -2 arccos(x) / sqrt(1 - x²), in double.
inline void squared_arccos(double x, double& value, double& slope) {
  const double y = 1.0 - x;
  if (y < 1e-4) {
    value = y * (2.0 + y * (1.0 / 3.0 + y * (4.0 / 45.0 + y / 35.0)));
    slope = -(2.0 + y * (2.0 / 3.0 + y * (4.0 / 15.0 + y * (4.0 / 35.0))));
    return;
  }
  const double angle = std::acos(x);
  value = angle * angle;
  slope = -2.0 * angle / std::sqrt(y * (1.0 + x));
}

// Coefficients of powers of u = 2x - 1 of the interpolant of `f` at degree + 1 Chebyshev points;
// returns the size of the two last Chebyshev coefficients, which bounds what was cut off.
template <int degree, class F>
double fit(const F& f, double (&powers)[degree + 1]) {
  constexpr int count = degree + 1;
  constexpr double pi = 3.14159265358979323846;
  double values[count], cosines[count], chebyshev[count];
  for (int i = 0; i < count; ++i) {
    cosines[i] = std::cos(pi * (i + 0.5) / count);
    values[i] = f(0.5 + 0.5 * cosines[i]);
  }
  double before[count], now[count];  // T_{j-1} and T_j at the points
  for (int i = 0; i < count; ++i) before[i] = 1.0, now[i] = cosines[i];
  for (int j = 0; j < count; ++j) {
    double total = 0.0;
    for (int i = 0; i < count; ++i) {
      total += values[i] * before[i];
      const double next = 2.0 * cosines[i] * now[i] - before[i];
      before[i] = now[i];
      now[i] = next;
    }
    chebyshev[j] = total * (j == 0 ? 1.0 : 2.0) / count;
  }
  // Clenshaw's recurrence on coefficient vectors turns Σ c_j T_j(u) into powers of u.
  double high[count] = {}, low[count] = {};
  for (int j = count - 1; j >= 1; --j) {
    double next[count] = {};
    for (int i = 0; i + 1 < count; ++i) next[i + 1] = 2.0 * high[i];
    for (int i = 0; i < count; ++i) next[i] -= low[i];
    next[0] += chebyshev[j];
    for (int i = 0; i < count; ++i) low[i] = high[i], high[i] = next[i];
  }
  for (int i = 0; i < count; ++i) powers[i] = -low[i];
  for (int i = 0; i + 1 < count; ++i) powers[i + 1] += high[i];
  powers[0] += chebyshev[0];
  return std::fabs(chebyshev[count - 1]) + std::fabs(chebyshev[count - 2]);
}

template <class T>
struct Profile {
  static constexpr int kDirect = ProfileDegree<T>::direct, kAngle = ProfileDegree<T>::angle;
  static constexpr int kMost = kAngle > kDirect ? kAngle : kDirect;

  bool direct;
  T value[kMost + 1], slope[kMost + 1];
  T rate;  // -1 / t, for the exponential

  explicit Profile(double t) {
    double v[kDirect + 1], s[kDirect + 1];
    const double cut_value = fit<kDirect>(
        [t](double x) {
          double a, b;
          squared_arccos(x, a, b);
          return std::exp(-a / t);
        },
        v);
    const double cut_slope = fit<kDirect>(
        [t](double x) {
          double a, b;
          squared_arccos(x, a, b);
          return -b / t * std::exp(-a / t);
        },
        s);
    rate = static_cast<T>(-1.0 / t);
    // The cut bounds the error only where the points see the function at all: of one so steep at
    // x = 1 that it is 0 at every point, the polynomial is 0 and nothing is cut off. k(1) = 1 tells.
    double at_one = 0.0;
    for (int i = 0; i <= kDirect; ++i) at_one += v[i];
    direct = cut_value + cut_slope < ProfileDegree<T>::tolerance * (1.0 + 2.0 / t) &&
             std::fabs(at_one - 1.0) < 1e-3;
    if (direct) {
      for (int i = 0; i <= kDirect; ++i) value[i] = static_cast<T>(v[i]), slope[i] = static_cast<T>(s[i]);
      return;
    }
    double va[kAngle + 1], sa[kAngle + 1];
    fit<kAngle>(
        [](double x) {
          double a, b;
          squared_arccos(x, a, b);
          return a;
        },
        va);
    fit<kAngle>(
        [](double x) {
          double a, b;
          squared_arccos(x, a, b);
          return b;
        },
        sa);
    for (int i = 0; i <= kAngle; ++i) value[i] = static_cast<T>(va[i]), slope[i] = static_cast<T>(sa[i]);
  }

  // The same profile with slopes times `factor`.
  Profile scaled(double factor) const {
    Profile copy = *this;
    for (int i = 0; i <= kMost; ++i) copy.slope[i] = static_cast<T>(copy.slope[i] * factor);
    return copy;
  }
};

}  // namespace
}  // namespace topicforge
