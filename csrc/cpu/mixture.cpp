// Every sum over dimensions takes (z - mu)² as it stands. The expanded square would be two
// matrix products, but it subtracts numbers of size (mu/sigma)², and float32 has no digits left
// where means lie a thousand standard deviations from zero.
#include "ops/mixture.h"

#include <cmath>

#include "cpu/tiles.h"

namespace topicforge {
namespace {

constexpr double kLog2Pi = 1.8378770664093453;

// Components per register block: in distances 2 sums each; in moments mu, 1/sigma² and 2 sums.
constexpr int kDistances = kManyRegisters ? 10 : 4;
constexpr int kMoments = kManyRegisters ? 5 : 2;
// Components whose weights are kept while moments are taken.
constexpr int64_t kComponents = 60;
static_assert(kComponents % kDistances == 0 && kDistances % kMoments == 0, "whole blocks");

// Waking another thread takes longer than this many additions alone.
constexpr int64_t kAlone = 1 << 17;

inline Pool pool_for(const Pool& pool, int64_t additions) {
  Pool result = pool;
  if (additions <= kAlone) result.threads = 1;
  return result;
}

constexpr int64_t round_up(int64_t x, int64_t step) { return (x + step - 1) / step * step; }

// Eight sums side by side, which a vector takes at once.
template <class T>
inline double total_of(const T* x, int64_t count) {
  constexpr int64_t width = 8;
  double sums[width] = {};
  int64_t l = 0;
  for (; l + width <= count; l += width) {
    for (int64_t i = 0; i < width; ++i) sums[i] += static_cast<double>(x[l + i]);
  }
  for (; l < count; ++l) sums[l % width] += static_cast<double>(x[l]);
  double total = 0.0;
  for (double sum : sums) total += sum;
  return total;
}

// Parameters in the form the loops want: 1/sigma² instead of log sigma², rows padded to whole
// vectors with zeros, components to whole blocks with components of weight 0.
template <class T>
struct Packed {
  Packed(const Mixture<T>& mixture, const Pool& pool)
      : C(mixture.C),
        L(mixture.L),
        stride(round_up(mixture.L, kLanes<T>)),
        tail(mixture.L % kLanes<T> <= kLanes<T> / 2 ? mixture.L % kLanes<T> : 0),
        padded(round_up(mixture.C, kDistances)),
        loc(pool, padded * stride),
        precision(pool, padded * stride),
        log_norm(pool, padded),
        log_weight(pool, padded) {
    const Mixture<T> in = mixture;
    const Pool packers = pool_for(pool, 8 * padded * stride);  // an exponential each
    for_tasks<T>(packers, padded / kDistances, 0, [&, in](int64_t task, T*) {
      for (int64_t c = task * kDistances; c < (task + 1) * kDistances; ++c) pack(in, c);
    });
  }

  void pack(const Mixture<T>& in, int64_t c) const {
    T* mu = loc.get() + c * stride;
    T* inverse = precision.get() + c * stride;
    for (int64_t l = 0; l < stride; ++l) mu[l] = inverse[l] = T(0);
    log_norm[c] = T(0);
    log_weight[c] = -T(__builtin_inf());
    if (c >= C) return;
    for (int64_t l = 0; l < L; ++l) mu[l] = in.loc[c * L + l];
    double total = 0.0;
    if (in.var_columns == 1) {
      T one = in.log_var[c], inverse_one;
      exponential_of(&one, T(-1), &inverse_one, 1);
      for (int64_t l = 0; l < L; ++l) inverse[l] = inverse_one;
      total = static_cast<double>(one) * static_cast<double>(L);
    } else {
      // Whole vectors, the padding with them: exp(0) there is taken back.
      for (int64_t l = 0; l < L; ++l) inverse[l] = in.log_var[c * L + l];
      exponential_of(inverse, T(-1), inverse, stride);
      for (int64_t l = L; l < stride; ++l) inverse[l] = T(0);
      total = total_of(in.log_var + c * L, L);
    }
    log_norm[c] = static_cast<T>(-0.5 * (total + static_cast<double>(L) * kLog2Pi));
    if (in.log_weight != nullptr) log_weight[c] = in.log_weight[c];
  }

  int64_t C, L, stride;
  // The last L mod lanes dimensions, if they would fill less than half of a vector: moments are
  // then taken with points as lanes.
  int64_t tail;
  int64_t padded;
  Scratch<T> loc, precision, log_norm, log_weight;
};

// acc[r][:] = Σ_l [(x_l - mu_cl)² + variance_l] / sigma²_cl for c = first + r, r < kDistances;
// `variance` counts only where `spread`.
template <class T, bool spread>
inline void distances(
    const Packed<T>& mix, int64_t first, const T* x, const T* variance,
    Vec<T> (&acc)[kDistances][2]) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const T* loc = mix.loc.get() + first * mix.stride;
  const T* precision = mix.precision.get() + first * mix.stride;
  const int64_t stride = mix.stride;
  TOPICFORGE_UNROLL
  for (int r = 0; r < kDistances; ++r) acc[r][0] = acc[r][1] = Vec<T>{};
  for (int64_t l = 0; l < mix.L; ++l) {
    const Vec<T> a = load(x + l * P), b = load(x + l * P + L);
    Vec<T> va{}, vb{};
    if (spread) va = load(variance + l * P), vb = load(variance + l * P + L);
    TOPICFORGE_UNROLL
    for (int r = 0; r < kDistances; ++r) {
      const T mu = loc[r * stride + l];
      const Vec<T> inverse = splat<T>(precision[r * stride + l]);
      const Vec<T> da = a - mu, db = b - mu;
      if (spread) {
        acc[r][0] += (da * da + va) * inverse;
        acc[r][1] += (db * db + vb) * inverse;
      } else {
        acc[r][0] += (da * inverse) * da;
        acc[r][1] += (db * inverse) * db;
      }
    }
  }
}

// Streaming log-sum-exp: max and Σ exp(. - max), a pair of vectors each.
template <class T>
struct LogSumExp {
  Vec<T> top[2], total[2];
  LogSumExp() {
    top[0] = top[1] = splat<T>(-T(__builtin_inf()));
    total[0] = total[1] = Vec<T>{};
  }
  void add(const Vec<T> (&terms)[kDistances][2]) {
    TOPICFORGE_UNROLL
    for (int side = 0; side < 2; ++side) {
      Vec<T> high = top[side];
      TOPICFORGE_UNROLL
      for (int r = 0; r < kDistances; ++r) high = maximum<T>(high, terms[r][side]);
      // While all terms are -inf there is nothing to subtract.
      const Vec<T> shift = high == splat<T>(-T(__builtin_inf())) ? Vec<T>{} : high;
      Vec<T> sum = total[side] * exponential<T>(top[side] - shift);
      TOPICFORGE_UNROLL
      for (int r = 0; r < kDistances; ++r) sum += exponential<T>(terms[r][side] - shift);
      top[side] = high;
      total[side] = sum;
    }
  }
  // out[i] = max + log of the sum, for the panel's points.
  void finish(T* out) const {
    constexpr int L = kLanes<T>;
    for (int side = 0; side < 2; ++side) {
      for (int i = 0; i < L; ++i) out[side * L + i] = top[side][i] + std::log(total[side][i]);
    }
  }
};

// log π_c N(z; ...) of a block of components.
template <class T>
inline void log_joint(
    const Packed<T>& mix, int64_t first, const T* panel, Vec<T> (&out)[kDistances][2]) {
  distances<T, false>(mix, first, panel, nullptr, out);
  TOPICFORGE_UNROLL
  for (int r = 0; r < kDistances; ++r) {
    const T constant = mix.log_norm[first + r] + mix.log_weight[first + r];
    out[r][0] = constant - T(0.5) * out[r][0];
    out[r][1] = constant - T(0.5) * out[r][1];
  }
}

// joints[c][:] = log π_c N(z; ...) for all components and a panel of points.
template <class T>
inline void panel_joints(const Packed<T>& mix, const T* panel, T* joints) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  for (int64_t c = 0; c < mix.padded; c += kDistances) {
    Vec<T> joint[kDistances][2];
    log_joint(mix, c, panel, joint);
    TOPICFORGE_UNROLL
    for (int r = 0; r < kDistances; ++r) {
      store<T>(joints + (c + r) * P, joint[r][0]);
      store<T>(joints + (c + r) * P + V, joint[r][1]);
    }
  }
}

template <class T>
int64_t panel_count(int64_t B) {
  return (B + kPanel<T> - 1) / kPanel<T>;
}

template <class T>
int64_t valid_points(int64_t B, int64_t panel) {
  const int64_t left = B - panel * kPanel<T>;
  return left < kPanel<T> ? left : kPanel<T>;
}

// log p(z) of a panel, and what exp(joints[c][:] - top) must be multiplied with to be q(c | z).
template <class T>
struct PanelShares {
  Vec<T> top[2], scale[2];
};

// Replaces joints[c][:], log π_c N(z; ...) of a panel, by exp(. - top).
template <class T>
inline PanelShares<T> panel_shares(int64_t padded, T* joints, T* log_prob) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  PanelShares<T> result;
  Vec<T> total[2] = {};
  for (int side = 0; side < 2; ++side) {
    Vec<T> top = splat<T>(-T(__builtin_inf()));
    for (int64_t c = 0; c < padded; ++c) top = maximum<T>(top, load(joints + c * P + side * L));
    // While all terms are -inf there is nothing to subtract.
    result.top[side] = top == splat<T>(-T(__builtin_inf())) ? Vec<T>{} : top;
  }
  for (int64_t c = 0; c < padded; ++c) {
    TOPICFORGE_UNROLL
    for (int side = 0; side < 2; ++side) {
      T* at = joints + c * P + side * L;
      const Vec<T> e = exponential<T>(load(at) - result.top[side]);
      total[side] += e;
      store<T>(at, e);
    }
  }
  for (int side = 0; side < 2; ++side) {
    result.scale[side] = T(1) / total[side];
    for (int i = 0; i < L; ++i) {
      log_prob[side * L + i] = result.top[side][i] + std::log(total[side][i]);
    }
  }
  return result;
}

template <class T>
void log_prob(
    const Mixture<T>& mixture, const T* z, int64_t B, T* out, T* shares, const Pool& pool) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  const Packed<T> mix(mixture, pool);
  const int64_t scratch = (mix.L + (shares == nullptr ? 0 : mix.padded)) * P;
  for_tasks<T>(pool, panel_count<T>(B), scratch, [&](int64_t panel, T* points) {
    const int64_t valid = valid_points<T>(B, panel), start = panel * P;
    fill_panel(z + start * mix.L, mix.L, valid, mix.L, points);
    T lanes[P];
    if (shares == nullptr) {
      LogSumExp<T> lse;
      for (int64_t c = 0; c < mix.padded; c += kDistances) {
        Vec<T> joint[kDistances][2];
        log_joint(mix, c, points, joint);
        lse.add(joint);
      }
      lse.finish(lanes);
    } else {
      T* joints = points + mix.L * P;
      panel_joints(mix, points, joints);
      const PanelShares<T> panel_of = panel_shares(mix.padded, joints, lanes);
      for (int64_t c = 0; c < mix.C; ++c) {
        T own[P];
        T* to = shares + start * mix.C + c * valid;
        T* at = valid == P ? to : own;
        for (int side = 0; side < 2; ++side) {
          store<T>(at + side * V, load(joints + c * P + side * V) * panel_of.scale[side]);
        }
        if (valid < P) for (int64_t i = 0; i < valid; ++i) to[i] = own[i];
      }
    }
    for (int64_t i = 0; i < valid; ++i) out[start + i] = lanes[i];
  });
}

template <class T>
void responsibilities(const Mixture<T>& mixture, const T* z, int64_t B, T* out, const Pool& pool) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  const Packed<T> mix(mixture, pool);
  const int64_t scratch = (mix.L + mix.padded) * P;
  for_tasks<T>(pool, panel_count<T>(B), scratch, [&](int64_t panel, T* points) {
    T* joints = points + mix.L * P;
    const int64_t valid = valid_points<T>(B, panel);
    fill_panel(z + panel * P * mix.L, mix.L, valid, mix.L, points);
    panel_joints(mix, points, joints);
    T lanes[P];
    const PanelShares<T> panel_of = panel_shares(mix.padded, joints, lanes);
    for (int64_t c = 0; c < mix.C; ++c) {
      for (int side = 0; side < 2; ++side) {
        store<T>(lanes + side * V, load(joints + c * P + side * V) * panel_of.scale[side]);
      }
      for (int64_t i = 0; i < valid; ++i) out[(panel * P + i) * mix.C + c] = lanes[i];
    }
  });
}

// Weighted moments of one chunk of points about every component's mean:
// zeroth Σ_b w_bc, first Σ_b w_bc (x - mu), second Σ_b w_bc [(x - mu)² + variance].
// The zeroth, and of the tail's dimensions the first and second, are sums per lane:
// zeroth[c][lane], tail[c][t][first or second][lane].
template <class T>
struct Moments {
  T *zeroth, *first, *second, *tail;
};

// A panel's points as rows padded to whole vectors, and the gradients of the same shape.
template <class T>
struct PanelRows {
  const T* points;
  T* grad;
  T *variance, *grad_variance;  // where `spread`
  int64_t stride;
};

// to[l] = from[l], l < count, by whole vectors first.
template <class T>
inline void copy_row(const T* from, int64_t count, T* to) {
  int64_t l = 0;
  for (; l + kLanes<T> <= count; l += kLanes<T>) store<T>(to + l, load(from + l));
  for (; l < count; ++l) to[l] = from[l];
}

template <class T>
inline void fill_rows(const T* from, int64_t valid, int64_t L, int64_t stride, T* to) {
  for (int64_t i = 0; i < valid; ++i) {
    if (stride > L) store<T>(to + (i + 1) * stride - kLanes<T>, Vec<T>{});
    copy_row(from + i * L, L, to + i * stride);
  }
}

template <class T>
inline void clear(int64_t count, T* to) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store<T>(to + i, Vec<T>{});
  for (; i < count; ++i) to[i] = T(0);
}

// add_moments for the tail's dimensions, with points as lanes. Lanes beyond the last point hold
// 0 and have weight 0.
template <class T, bool spread>
inline void add_tail_moments(
    const Packed<T>& mix, int64_t first, int64_t count, const T* weights, int64_t valid,
    const PanelRows<T>& rows, const Moments<T>& moments) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  const int64_t stride = mix.stride;
  for (int64_t l = mix.L - mix.tail; l < mix.L; ++l) {
    T lanes[4][P] = {};
    for (int64_t b = 0; b < valid; ++b) {
      lanes[0][b] = rows.points[b * rows.stride + l];
      if (spread) lanes[1][b] = rows.variance[b * rows.stride + l];
    }
    Vec<T> x[2], variance[2] = {}, grad[2] = {}, grad_variance[2] = {};
    for (int side = 0; side < 2; ++side) {
      x[side] = load(lanes[0] + side * V);
      if (spread) variance[side] = load(lanes[1] + side * V);
    }
    for (int64_t c = 0; c < count; ++c) {
      const T mu = mix.loc[(first + c) * stride + l];
      const Vec<T> inverse = splat<T>(mix.precision[(first + c) * stride + l]);
      T* sums = moments.tail + ((first + c) * mix.tail + l - (mix.L - mix.tail)) * 2 * V;
      Vec<T> one = load(sums), two = load(sums + V);
      TOPICFORGE_UNROLL
      for (int side = 0; side < 2; ++side) {
        const Vec<T> w = load(weights + c * P + side * V);
        const Vec<T> d = x[side] - mu;
        const Vec<T> wd = w * d;
        one += wd;
        two += wd * d;
        grad[side] -= wd * inverse;
        if (spread) {
          two += w * variance[side];
          grad_variance[side] += w * inverse;
        }
      }
      store<T>(sums, one);
      store<T>(sums + V, two);
    }
    for (int side = 0; side < 2; ++side) {
      store<T>(lanes[2] + side * V, grad[side]);
      if (spread) store<T>(lanes[3] + side * V, grad_variance[side]);
    }
    for (int64_t b = 0; b < valid; ++b) {
      rows.grad[b * rows.stride + l] += lanes[2][b];
      if (spread) rows.grad_variance[b * rows.stride + l] += lanes[3][b];
    }
  }
}

// For `count` components from `first` with weights[c][b], adds their moments and
//   grad_b -= Σ_c w_bc (x_b - mu_c) / sigma²_c,  grad_variance_b += Σ_c w_bc / sigma²_c.
// Vectors run over dimensions here: the sums over points then stay in registers. Weights of lanes
// beyond the last point are 0.
template <class T, bool spread>
inline void add_moments(
    const Packed<T>& mix, int64_t first, int64_t count, const T* weights, int64_t valid,
    const PanelRows<T>& rows, const Moments<T>& moments) {
  constexpr int P = kPanel<T>;
  const int64_t stride = mix.stride;
  const int64_t whole = mix.tail > 0 ? mix.L - mix.tail : stride;
  for (int64_t l = 0; l < whole; l += kLanes<T>) {
    for (int64_t block = 0; block < count; block += kMoments) {
      const int64_t start = (first + block) * stride + l;
      Vec<T> mu[kMoments], inverse[kMoments], one[kMoments], two[kMoments];
      TOPICFORGE_UNROLL
      for (int r = 0; r < kMoments; ++r) {
        mu[r] = load(mix.loc.get() + start + r * stride);
        inverse[r] = load(mix.precision.get() + start + r * stride);
        one[r] = load(moments.first + start + r * stride);
        two[r] = load(moments.second + start + r * stride);
      }
      const T* weight = weights + block * P;
      for (int64_t b = 0; b < valid; ++b) {
        const int64_t at = b * rows.stride + l;
        const Vec<T> x = load(rows.points + at);
        Vec<T> grad = load(rows.grad + at), variance{}, grad_variance{};
        if (spread) {
          variance = load(rows.variance + at);
          grad_variance = load(rows.grad_variance + at);
        }
        TOPICFORGE_UNROLL
        for (int r = 0; r < kMoments; ++r) {
          const Vec<T> w = splat<T>(weight[r * P + b]);
          const Vec<T> d = x - mu[r];
          const Vec<T> wd = w * d;
          one[r] += wd;
          two[r] += wd * d;
          grad -= wd * inverse[r];
          if (spread) {
            two[r] += w * variance;
            grad_variance += w * inverse[r];
          }
        }
        store<T>(rows.grad + at, grad);
        if (spread) store<T>(rows.grad_variance + at, grad_variance);
      }
      TOPICFORGE_UNROLL
      for (int r = 0; r < kMoments; ++r) {
        store<T>(moments.first + start + r * stride, one[r]);
        store<T>(moments.second + start + r * stride, two[r]);
      }
    }
  }
  if (mix.tail > 0) {
    add_tail_moments<T, spread>(mix, first, count, weights, valid, rows, moments);
  }
  for (int64_t c = 0; c < count; ++c) {
    T* at = moments.zeroth + (first + c) * kLanes<T>;
    store<T>(at, load(at) + (load(weights + c * P) + load(weights + c * P + kLanes<T>)));
  }
}

// Points fall into chunks by their number alone, each chunk sums its moments in order, and the
// chunks are added in order: the result depends on no thread.
template <class T>
struct Chunks {
  Chunks(const Packed<T>& mix, int64_t B, const Pool& pool)
      : mix(mix),
        panels(panel_count<T>(B)),
        count(most(B) < panels ? most(B) : (panels > 0 ? panels : 1)),
        size(mix.padded * (2 * mix.stride + (2 * mix.tail + 1) * kLanes<T>)),
        memory(pool, count * size) {}

  static int64_t most(int64_t B) {
    const int64_t by_size = (B + 127) / 128;
    return by_size < 1 ? 1 : (by_size > 16 ? 16 : by_size);
  }
  int64_t first_panel(int64_t chunk) const { return panels * chunk / count; }
  Moments<T> moments(int64_t chunk) const {
    T* start = memory.get() + chunk * size;
    T *first = start + mix.padded * kLanes<T>, *second = first + mix.padded * mix.stride;
    return {start, first, second, second + mix.padded * mix.stride};
  }
  void clear(int64_t chunk) const {
    topicforge::clear(size, memory.get() + chunk * size);
  }

  // d mu = M1 / sigma², d log sigma² = ½ (M2 / sigma² - M0), d log pi = M0.
  void reduce(int64_t var_columns, const MixtureGradients<T>& out, const Pool& pool) const {
    const int64_t L = mix.L, stride = mix.stride, V = kLanes<T>, whole = L - mix.tail;
    const Pool adders = pool_for(pool, count * size);
    for_tasks<T>(adders, mix.C, 2 * stride, [&](int64_t c, T* one) {
      T* two = one + stride;
      Vec<T> zeroth{};
      for (int64_t k = 0; k < count; ++k) zeroth += load(moments(k).zeroth + c * V);
      const T weight = sum<T>(zeroth);
      for (int64_t l = 0; l < (mix.tail > 0 ? whole : stride); l += V) {
        Vec<T> a{}, b{};
        for (int64_t k = 0; k < count; ++k) {
          a += load(moments(k).first + c * stride + l);
          b += load(moments(k).second + c * stride + l);
        }
        store<T>(one + l, a);
        store<T>(two + l, b);
      }
      for (int64_t t = 0; t < mix.tail; ++t) {
        Vec<T> a{}, b{};
        for (int64_t k = 0; k < count; ++k) {
          const T* sums = moments(k).tail + (c * mix.tail + t) * 2 * V;
          a += load(sums);
          b += load(sums + V);
        }
        one[whole + t] = sum<T>(a);
        two[whole + t] = sum<T>(b);
      }
      out.log_weight[c] = weight;
      const T* inverse = mix.precision.get() + c * stride;
      for (int64_t l = 0; l < L; ++l) {
        out.loc[c * L + l] = inverse[l] * one[l];
        two[l] = T(0.5) * (inverse[l] * two[l] - weight);
      }
      if (var_columns == 1) {
        T total = T(0);
        for (int64_t l = 0; l < L; ++l) total += two[l];
        out.log_var[c] = total;
      } else {
        for (int64_t l = 0; l < L; ++l) out.log_var[c * L + l] = two[l];
      }
    });
  }

  const Packed<T>& mix;
  int64_t panels, count, size;
  Scratch<T> memory;
};

template <class T>
inline void write_rows(const T* from, int64_t valid, int64_t L, int64_t stride, T* to) {
  for (int64_t i = 0; i < valid; ++i) copy_row(from + i * stride, L, to + i * L);
}

// A panel of per-point values; lanes beyond the last point get `rest`.
template <class T>
inline void fill_lanes(const T* from, int64_t valid, T rest, T* lanes) {
  for (int64_t i = 0; i < kPanel<T>; ++i) lanes[i] = i < valid ? from[i] : rest;
}

// Gradients of log p(z) with a weight per point and component, which `weigh(memory, panel, first,
// count, weights)` puts into weights[c][point], c < count; `extra` is its own memory per worker.
template <class T, class Weigh>
void weighted_backward(
    const Mixture<T>& mixture, const T* z, int64_t B, const MixtureGradients<T>& out,
    const Pool& pool, const Packed<T>& mix, int64_t extra, const Weigh& weigh) {
  constexpr int P = kPanel<T>;
  const Chunks<T> chunks(mix, B, pool);
  const int64_t L = mix.L, stride = mix.stride;
  // Rows that no vector overruns are read and written where they are.
  const bool direct = mix.tail > 0 || L == stride;
  const int64_t scratch = (kComponents + 2 * stride) * P + extra;
  for_tasks<T>(pool, chunks.count, scratch, [&](int64_t chunk, T* memory) {
    T *weights = memory, *rows = weights + kComponents * P, *own = rows + 2 * stride * P;
    PanelRows<T> space{rows, rows + stride * P, nullptr, nullptr, direct ? L : stride};
    chunks.clear(chunk);
    for (int64_t p = chunks.first_panel(chunk); p < chunks.first_panel(chunk + 1); ++p) {
      const int64_t valid = valid_points<T>(B, p), start = p * P;
      if (direct) {
        space.points = z + start * L;
        space.grad = out.z + start * L;
      } else {
        fill_rows(z + start * L, valid, L, stride, rows);
      }
      clear(valid * space.stride, space.grad);
      for (int64_t first = 0; first < mix.padded; first += kComponents) {
        const int64_t count =
            mix.padded - first < kComponents ? mix.padded - first : kComponents;
        weigh(own, p, first, count, weights);
        add_moments<T, false>(
            mix, first, count, weights, valid, space, chunks.moments(chunk));
      }
      if (!direct) write_rows(space.grad, valid, L, stride, out.z + start * L);
    }
  });
  chunks.reduce(mixture.var_columns, out, pool);
}

template <class T>
void log_prob_backward(
    const Mixture<T>& mixture, const T* z, int64_t B, const T* grad, const T* log_prob,
    const MixtureGradients<T>& out, const Pool& pool) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  const Packed<T> mix(mixture, pool);
  const int64_t L = mix.L;
  auto weigh = [&](T* panel_z, int64_t panel, int64_t first, int64_t count, T* weights) {
    const int64_t valid = valid_points<T>(B, panel), start = panel * P;
    if (first == 0) fill_panel(z + start * L, L, valid, L, panel_z);
    // exp(. - inf) = 0: lanes beyond the last point have no responsibility.
    T lse[P], scale[P];
    fill_lanes(log_prob + start, valid, T(__builtin_inf()), lse);
    fill_lanes(grad + start, valid, T(0), scale);
    for (int64_t c = 0; c < count; c += kDistances) {
      Vec<T> joint[kDistances][2];
      log_joint(mix, first + c, panel_z, joint);
      TOPICFORGE_UNROLL
      for (int r = 0; r < kDistances; ++r) {
        TOPICFORGE_UNROLL
        for (int side = 0; side < 2; ++side) {
          const Vec<T> share = exponential<T>(joint[r][side] - load(lse + side * V));
          store<T>(weights + (c + r) * P + side * V, share * load(scale + side * V));
        }
      }
    }
  };
  weighted_backward(mixture, z, B, out, pool, mix, L * P, weigh);
}

template <class T>
void log_prob_backward_kept(
    const Mixture<T>& mixture, const T* z, int64_t B, const T* grad, int64_t grad_step,
    const T* shares, const MixtureGradients<T>& out, const Pool& pool) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  const Packed<T> mix(mixture, pool);
  auto weigh = [&](T*, int64_t panel, int64_t first, int64_t count, T* weights) {
    const int64_t valid = valid_points<T>(B, panel), start = panel * P;
    T scale[P], lanes[P];
    for (int64_t i = 0; i < P; ++i) scale[i] = i < valid ? grad[(start + i) * grad_step] : T(0);
    for (int64_t c = 0; c < count; ++c) {
      const T* from = shares + start * mix.C + (first + c) * valid;
      if (first + c >= mix.C || valid < P) {
        fill_lanes(from, first + c < mix.C ? valid : 0, T(0), lanes);
        from = lanes;
      }
      for (int side = 0; side < 2; ++side) {
        store<T>(weights + c * P + side * V, load(from + side * V) * load(scale + side * V));
      }
    }
  };
  weighted_backward(mixture, z, B, out, pool, mix, 0, weigh);
}

// With v_c = r_c (g_c - Σ r g), the gradients are those of log p(z) with weights v.
template <class T>
void responsibilities_backward(
    const Mixture<T>& mixture, const T* z, int64_t B, const T* grad, const T* shares,
    const MixtureGradients<T>& out, const Pool& pool) {
  constexpr int P = kPanel<T>;
  const Packed<T> mix(mixture, pool);
  const int64_t C = mix.C;
  auto weigh = [&](T* mean, int64_t panel, int64_t first, int64_t count, T* weights) {
    const int64_t valid = valid_points<T>(B, panel), start = panel * P;
    for (int64_t i = 0; first == 0 && i < valid; ++i) {
      mean[i] = T(0);
      const int64_t at = (start + i) * C;
      for (int64_t c = 0; c < C; ++c) mean[i] += shares[at + c] * grad[at + c];
    }
    for (int64_t c = 0; c < count; ++c) {
      for (int64_t i = 0; i < P; ++i) {
        const int64_t at = (start + i) * C + first + c;
        weights[c * P + i] =
            first + c < C && i < valid ? shares[at] * (grad[at] - mean[i]) : T(0);
      }
    }
  };
  weighted_backward(mixture, z, B, out, pool, mix, P, weigh);
}

// With D_c and E_c the distances of z and of the posterior (its variance included), the bound
//   Σ_c η_c u_c - log p(z) - ½ Σ_j (1 + log σ̃²_j),  u_c = ½ (E_c - D_c) - ½ L log 2π:
// log σ²_c cancels between the expected term and the entropy's log N_c(z).
template <class T>
void kl_bound(
    const Mixture<T>& mixture, const Posterior<T>& posterior, const BoundTerms<T*>& out,
    const Pool& pool) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  const Packed<T> mix(mixture, pool);
  const int64_t L = mix.L, B = posterior.B;
  const int64_t scratch = (3 * L + 2 * mix.padded) * P;
  for_tasks<T>(pool, panel_count<T>(B), scratch, [&](int64_t panel, T* memory) {
    T *panel_z = memory, *panel_loc = panel_z + L * P, *variance = panel_loc + L * P;
    T *joints = variance + L * P, *gaps = joints + mix.padded * P;
    const int64_t valid = valid_points<T>(B, panel), start = panel * P;
    fill_panel(posterior.z + start * L, L, valid, L, panel_z);
    fill_panel(posterior.loc + start * L, L, valid, L, panel_loc);
    fill_panel(posterior.log_var + start * L, L, valid, L, variance);
    exponential_of(variance, T(1), variance, L * P);
    LogSumExp<T> lse;
    for (int64_t c = 0; c < mix.padded; c += kDistances) {
      Vec<T> near[kDistances][2], far[kDistances][2];
      distances<T, false>(mix, c, panel_z, nullptr, near);
      distances<T, true>(mix, c, panel_loc, variance, far);
      for (int r = 0; r < kDistances; ++r) {
        const T constant = mix.log_norm[c + r] + mix.log_weight[c + r];
        for (int side = 0; side < 2; ++side) {
          store<T>(gaps + (c + r) * P + side * V, T(0.5) * (far[r][side] - near[r][side]));
          near[r][side] = constant - T(0.5) * near[r][side];
          store<T>(joints + (c + r) * P + side * V, near[r][side]);
        }
      }
      lse.add(near);
    }
    Vec<T> mean[2] = {};
    for (int64_t c = 0; c < mix.padded; ++c) {
      for (int side = 0; side < 2; ++side) {
        const Vec<T> e = exponential<T>(load(joints + c * P + side * V) - lse.top[side]);
        mean[side] += e * load(gaps + c * P + side * V);
      }
    }
    T lanes[P], means[P];
    lse.finish(lanes);
    for (int side = 0; side < 2; ++side) store<T>(means + side * V, mean[side] / lse.total[side]);
    for (int64_t i = 0; i < valid; ++i) {
      T entropy = T(0);
      for (int64_t l = 0; l < L; ++l) entropy += T(1) + posterior.log_var[(start + i) * L + l];
      out.log_prob[start + i] = lanes[i];
      out.gap[start + i] = means[i];
      out.bound[start + i] =
          means[i] - T(0.5 * kLog2Pi) * T(L) - lanes[i] - T(0.5) * entropy;
    }
  });
}

// In the gradient z has the weights g η_c (u_c - Σ η u) + g' η_c, the posterior's mean and
// variance the weights -g η_c: g is the gradient of the bound plus that of the gap, g' that of
// log p(z) plus that of the gap. The gap is kept from the forward pass, because taking it back
// out of the bound would leave a difference of large numbers where one component has it all.
template <class T>
void kl_bound_backward(
    const Mixture<T>& mixture, const Posterior<T>& posterior, const BoundTerms<const T*>& grad,
    const T* log_prob, const T* gap, T* grad_loc, T* grad_log_var,
    const MixtureGradients<T>& out, const Pool& pool) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  const Packed<T> mix(mixture, pool);
  const int64_t L = mix.L, stride = mix.stride, B = posterior.B;
  const Chunks<T> chunks(mix, B, pool);
  const int64_t scratch = (3 * L + 2 * kComponents + 6 * stride) * P;
  for_tasks<T>(pool, chunks.count, scratch, [&](int64_t chunk, T* memory) {
    T *panel_z = memory, *panel_loc = panel_z + L * P, *variance = panel_loc + L * P;
    T *weights_z = variance + L * P, *weights_loc = weights_z + kComponents * P;
    T* rows = weights_loc + kComponents * P;
    const int64_t size = stride * P;
    const PanelRows<T> at_z{rows, rows + size, nullptr, nullptr, stride};
    const PanelRows<T> at_loc{
        rows + 2 * size, rows + 3 * size, rows + 4 * size, rows + 5 * size, stride};
    chunks.clear(chunk);
    for (int64_t p = chunks.first_panel(chunk); p < chunks.first_panel(chunk + 1); ++p) {
      const int64_t valid = valid_points<T>(B, p), start = p * P;
      fill_panel(posterior.z + start * L, L, valid, L, panel_z);
      fill_panel(posterior.loc + start * L, L, valid, L, panel_loc);
      fill_panel(posterior.log_var + start * L, L, valid, L, variance);
      exponential_of(variance, T(1), variance, L * P);
      fill_rows(posterior.z + start * L, valid, L, stride, rows);
      fill_rows(posterior.loc + start * L, valid, L, stride, rows + 2 * size);
      fill_rows(posterior.log_var + start * L, valid, L, stride, at_loc.variance);
      exponential_of(at_loc.variance, T(1), at_loc.variance, valid * stride);
      clear(valid * stride, at_z.grad);
      clear(valid * stride, at_loc.grad);
      clear(valid * stride, at_loc.grad_variance);
      T lse[P], scale[P], scale_share[P], mean[P];
      fill_lanes(log_prob + start, valid, T(__builtin_inf()), lse);
      fill_lanes(gap + start, valid, T(0), mean);
      for (int64_t i = 0; i < P; ++i) {
        scale[i] = i < valid ? grad.bound[start + i] + grad.gap[start + i] : T(0);
        scale_share[i] = i < valid ? grad.log_prob[start + i] + grad.gap[start + i] : T(0);
      }
      for (int64_t first = 0; first < mix.padded; first += kComponents) {
        const int64_t count =
            mix.padded - first < kComponents ? mix.padded - first : kComponents;
        for (int64_t c = 0; c < count; c += kDistances) {
          Vec<T> near[kDistances][2], far[kDistances][2];
          distances<T, false>(mix, first + c, panel_z, nullptr, near);
          distances<T, true>(mix, first + c, panel_loc, variance, far);
          for (int r = 0; r < kDistances; ++r) {
            const T constant = mix.log_norm[first + c + r] + mix.log_weight[first + c + r];
            for (int side = 0; side < 2; ++side) {
              const int64_t at = (c + r) * P + side * V;
              const Vec<T> eta = exponential<T>(
                  constant - T(0.5) * near[r][side] - load(lse + side * V));
              const Vec<T> excess =
                  T(0.5) * (far[r][side] - near[r][side]) - load(mean + side * V);
              const Vec<T> g = load(scale + side * V);
              store<T>(weights_z + at, eta * (g * excess + load(scale_share + side * V)));
              store<T>(weights_loc + at, -g * eta);
            }
          }
        }
        add_moments<T, false>(
            mix, first, count, weights_z, valid, at_z, chunks.moments(chunk));
        add_moments<T, true>(
            mix, first, count, weights_loc, valid, at_loc, chunks.moments(chunk));
      }
      write_rows(at_z.grad, valid, L, stride, out.z + start * L);
      write_rows(at_loc.grad, valid, L, stride, grad_loc + start * L);
      for (int64_t i = 0; i < valid; ++i) {
        for (int64_t l = 0; l < L; ++l) {
          grad_log_var[(start + i) * L + l] =
              T(-0.5) * (at_loc.variance[i * stride + l] * at_loc.grad_variance[i * stride + l] +
                         grad.bound[start + i]);
        }
      }
    }
  });
  chunks.reduce(mixture.var_columns, out, pool);
}

template <class T>
constexpr MixtureFunctions<T> functions = {
    log_prob<T>, log_prob_backward<T>, log_prob_backward_kept<T>,
    responsibilities<T>, responsibilities_backward<T>,
    kl_bound<T>, kl_bound_backward<T>};

}  // namespace

TOPICFORGE_DEFINE_KERNELS(MixtureFunctions, mixture)

}  // namespace topicforge
