// Every sum over dimensions takes (z - mu)² as it stands. The expanded square would be two
// matrix products, but it subtracts numbers of size (mu/sigma)², and float32 has no digits left
// where means lie a thousand standard deviations from zero.
#include "cpu/kernels/mixture.h"

#include <cmath>

#include "cpu/kernels/tiles.h"

namespace topicforge {
namespace {

constexpr double kLog2Pi = 1.8378770664093453;

// Components a register block: in distances 2 sums each; in moments mu, 1/sigma² and 2 sums.
constexpr int kDistances = kManyRegisters ? 10 : 4;
constexpr int kMoments = kManyRegisters ? 5 : 2;
// Components whose weights are kept while moments are taken.
constexpr int64_t kComponents = 40;
static_assert(kComponents % kDistances == 0 && kDistances % kMoments == 0, "whole blocks");

constexpr int64_t round_up(int64_t x, int64_t step) { return (x + step - 1) / step * step; }

// Parameters in the form the loops want: 1/sigma² instead of log sigma², rows padded to whole
// vectors with zeros, components to whole blocks with components of weight 0.
template <class T>
struct Packed {
  Packed(const Mixture<T>& mixture, const Pool& pool)
      : C(mixture.C),
        L(mixture.L),
        stride(round_up(mixture.L, kLanes<T>)),
        padded(round_up(mixture.C, kDistances)),
        loc(pool, padded * stride),
        precision(pool, padded * stride),
        log_norm(pool, padded),
        log_weight(pool, padded) {
    const Mixture<T> in = mixture;
    for_tasks<T>(pool, padded / kDistances, 0, [&, in](int64_t task, T*) {
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
      exponential_of(in.log_var + c * L, T(-1), inverse, L);
      for (int64_t l = 0; l < L; ++l) total += static_cast<double>(in.log_var[c * L + l]);
    }
    log_norm[c] = static_cast<T>(-0.5 * (total + static_cast<double>(L) * kLog2Pi));
    if (in.log_weight != nullptr) log_weight[c] = in.log_weight[c];
  }

  int64_t C, L, stride, padded;
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

template <class T>
int64_t panel_count(int64_t B) {
  return (B + kPanel<T> - 1) / kPanel<T>;
}

template <class T>
int64_t valid_points(int64_t B, int64_t panel) {
  const int64_t left = B - panel * kPanel<T>;
  return left < kPanel<T> ? left : kPanel<T>;
}

template <class T>
void log_prob(const Mixture<T>& mixture, const T* z, int64_t B, T* out, const Pool& pool) {
  constexpr int P = kPanel<T>;
  const Packed<T> mix(mixture, pool);
  for_tasks<T>(pool, panel_count<T>(B), mix.L * P, [&](int64_t panel, T* points) {
    const int64_t valid = valid_points<T>(B, panel);
    fill_panel(z + panel * P * mix.L, mix.L, valid, mix.L, points);
    LogSumExp<T> lse;
    for (int64_t c = 0; c < mix.padded; c += kDistances) {
      Vec<T> joint[kDistances][2];
      log_joint(mix, c, points, joint);
      lse.add(joint);
    }
    T lanes[P];
    lse.finish(lanes);
    for (int64_t i = 0; i < valid; ++i) out[panel * P + i] = lanes[i];
  });
}

template <class T>
void responsibilities(const Mixture<T>& mixture, const T* z, int64_t B, T* out, const Pool& pool) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const Packed<T> mix(mixture, pool);
  const int64_t scratch = (mix.L + mix.padded) * P;
  for_tasks<T>(pool, panel_count<T>(B), scratch, [&](int64_t panel, T* points) {
    T* joints = points + mix.L * P;
    const int64_t valid = valid_points<T>(B, panel);
    fill_panel(z + panel * P * mix.L, mix.L, valid, mix.L, points);
    LogSumExp<T> lse;
    for (int64_t c = 0; c < mix.padded; c += kDistances) {
      Vec<T> joint[kDistances][2];
      log_joint(mix, c, points, joint);
      lse.add(joint);
      for (int r = 0; r < kDistances; ++r) {
        store<T>(joints + (c + r) * P, joint[r][0]);
        store<T>(joints + (c + r) * P + L, joint[r][1]);
      }
    }
    const Vec<T> scale[2] = {T(1) / lse.total[0], T(1) / lse.total[1]};
    for (int64_t c = 0; c < mix.C; ++c) {
      T lanes[P];
      for (int side = 0; side < 2; ++side) {
        const Vec<T> e = exponential<T>(load(joints + c * P + side * L) - lse.top[side]);
        store<T>(lanes + side * L, e * scale[side]);
      }
      for (int64_t i = 0; i < valid; ++i) out[(panel * P + i) * mix.C + c] = lanes[i];
    }
  });
}

// Weighted moments of one chunk of points about every component's mean:
// zeroth Σ_b w_bc, first Σ_b w_bc (x - mu), second Σ_b w_bc [(x - mu)² + variance].
template <class T>
struct Moments {
  T *zeroth, *first, *second;
};

// A panel's points as rows padded to whole vectors, and the gradients of the same shape.
template <class T>
struct PanelRows {
  T *points, *grad;
  T *variance, *grad_variance;  // where `spread`
};

template <class T>
inline void fill_rows(const T* from, int64_t valid, int64_t L, int64_t stride, T* to) {
  for (int64_t i = 0; i < valid; ++i) {
    for (int64_t l = 0; l < L; ++l) to[i * stride + l] = from[i * L + l];
    for (int64_t l = L; l < stride; ++l) to[i * stride + l] = T(0);
  }
}

// For `count` components from `first` with weights[c][b], adds their moments and
//   grad_b -= Σ_c w_bc (x_b - mu_c) / sigma²_c,  grad_variance_b += Σ_c w_bc / sigma²_c.
// Vectors run over dimensions here: the sums over points then stay in registers.
template <class T, bool spread>
inline void add_moments(
    const Packed<T>& mix, int64_t first, int64_t count, const T* weights, int64_t valid,
    const PanelRows<T>& rows, const Moments<T>& moments) {
  constexpr int P = kPanel<T>;
  const int64_t stride = mix.stride;
  for (int64_t l = 0; l < stride; l += kLanes<T>) {
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
        const int64_t at = b * stride + l;
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
  for (int64_t c = 0; c < count; ++c) {
    T total = T(0);
    for (int64_t b = 0; b < valid; ++b) total += weights[c * P + b];
    moments.zeroth[first + c] += total;
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
        size(mix.padded * (2 * mix.stride + 1)),
        memory(pool, count * size) {}

  static int64_t most(int64_t B) {
    const int64_t by_size = (B + 127) / 128;
    return by_size < 1 ? 1 : (by_size > 16 ? 16 : by_size);
  }
  int64_t first_panel(int64_t chunk) const { return panels * chunk / count; }
  Moments<T> moments(int64_t chunk) const {
    T* start = memory.get() + chunk * size;
    return {start, start + mix.padded, start + mix.padded * (1 + mix.stride)};
  }
  void clear(int64_t chunk) const {
    T* start = memory.get() + chunk * size;
    for (int64_t i = 0; i < size; ++i) start[i] = T(0);
  }

  // d mu = M1 / sigma², d log sigma² = ½ (M2 / sigma² - M0), d log pi = M0.
  void reduce(int64_t var_columns, const MixtureGradient<T>& out, const Pool& pool) const {
    const int64_t L = mix.L, stride = mix.stride;
    for_tasks<T>(pool, mix.C, 0, [&](int64_t c, T*) {
      T weight = T(0);
      for (int64_t k = 0; k < count; ++k) weight += moments(k).zeroth[c];
      out.log_weight[c] = weight;
      T total = T(0);
      for (int64_t l = 0; l < L; ++l) {
        T one = T(0), two = T(0);
        for (int64_t k = 0; k < count; ++k) {
          one += moments(k).first[c * stride + l];
          two += moments(k).second[c * stride + l];
        }
        const T inverse = mix.precision[c * stride + l];
        out.loc[c * L + l] = inverse * one;
        const T grad = T(0.5) * (inverse * two - weight);
        if (var_columns == 1) {
          total += grad;
        } else {
          out.log_var[c * L + l] = grad;
        }
      }
      if (var_columns == 1) out.log_var[c] = total;
    });
  }

  const Packed<T>& mix;
  int64_t panels, count, size;
  Scratch<T> memory;
};

template <class T>
inline void write_rows(const T* from, int64_t valid, int64_t L, int64_t stride, T* to) {
  for (int64_t i = 0; i < valid; ++i) {
    for (int64_t l = 0; l < L; ++l) to[i * L + l] = from[i * stride + l];
  }
}

// A panel of per-point values; lanes beyond the last point get `rest`.
template <class T>
inline void fill_lanes(const T* from, int64_t valid, T rest, T* lanes) {
  for (int64_t i = 0; i < kPanel<T>; ++i) lanes[i] = i < valid ? from[i] : rest;
}

template <class T>
void log_prob_backward(
    const Mixture<T>& mixture, const T* z, int64_t B, const T* grad, const T* log_prob, T* grad_z,
    const MixtureGradient<T>& out, const Pool& pool) {
  constexpr int P = kPanel<T>, V = kLanes<T>;
  const Packed<T> mix(mixture, pool);
  const Chunks<T> chunks(mix, B, pool);
  const int64_t L = mix.L, stride = mix.stride;
  const int64_t scratch = (L + kComponents + 2 * stride) * P;
  for_tasks<T>(pool, chunks.count, scratch, [&](int64_t chunk, T* memory) {
    T *panel_z = memory, *weights = panel_z + L * P, *rows = weights + kComponents * P;
    const PanelRows<T> space{rows, rows + stride * P, nullptr, nullptr};
    chunks.clear(chunk);
    for (int64_t p = chunks.first_panel(chunk); p < chunks.first_panel(chunk + 1); ++p) {
      const int64_t valid = valid_points<T>(B, p), start = p * P;
      fill_panel(z + start * L, L, valid, L, panel_z);
      fill_rows(z + start * L, valid, L, stride, space.points);
      for (int64_t i = 0; i < valid * stride; ++i) space.grad[i] = T(0);
      // exp(. - inf) = 0: lanes beyond the last point have no responsibility.
      T lse[P], scale[P];
      fill_lanes(log_prob + start, valid, T(__builtin_inf()), lse);
      fill_lanes(grad + start, valid, T(0), scale);
      for (int64_t first = 0; first < mix.padded; first += kComponents) {
        const int64_t count =
            mix.padded - first < kComponents ? mix.padded - first : kComponents;
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
        add_moments<T, false>(
            mix, first, count, weights, valid, space, chunks.moments(chunk));
      }
      write_rows(space.grad, valid, L, stride, grad_z + start * L);
    }
  });
  chunks.reduce(mixture.var_columns, out, pool);
}

// With v_c = r_c (g_c - Σ r g), the gradients are those of log p(z) with weights v.
template <class T>
void responsibilities_backward(
    const Mixture<T>& mixture, const T* z, int64_t B, const T* grad, const T* shares, T* grad_z,
    const MixtureGradient<T>& out, const Pool& pool) {
  constexpr int P = kPanel<T>;
  const Packed<T> mix(mixture, pool);
  const Chunks<T> chunks(mix, B, pool);
  const int64_t C = mix.C, L = mix.L, stride = mix.stride;
  const int64_t scratch = (kComponents + 2 * stride) * P;
  for_tasks<T>(pool, chunks.count, scratch, [&](int64_t chunk, T* memory) {
    T *weights = memory, *rows = weights + kComponents * P;
    const PanelRows<T> space{rows, rows + stride * P, nullptr, nullptr};
    chunks.clear(chunk);
    for (int64_t p = chunks.first_panel(chunk); p < chunks.first_panel(chunk + 1); ++p) {
      const int64_t valid = valid_points<T>(B, p), start = p * P;
      fill_rows(z + start * L, valid, L, stride, space.points);
      for (int64_t i = 0; i < valid * stride; ++i) space.grad[i] = T(0);
      T mean[P];
      for (int64_t i = 0; i < valid; ++i) {
        mean[i] = T(0);
        const int64_t at = (start + i) * C;
        for (int64_t c = 0; c < C; ++c) mean[i] += shares[at + c] * grad[at + c];
      }
      for (int64_t first = 0; first < mix.padded; first += kComponents) {
        const int64_t count =
            mix.padded - first < kComponents ? mix.padded - first : kComponents;
        for (int64_t c = 0; c < count; ++c) {
          for (int64_t i = 0; i < valid; ++i) {
            const int64_t at = (start + i) * C + first + c;
            weights[c * P + i] =
                first + c < C ? shares[at] * (grad[at] - mean[i]) : T(0);
          }
        }
        add_moments<T, false>(
            mix, first, count, weights, valid, space, chunks.moments(chunk));
      }
      write_rows(space.grad, valid, L, stride, grad_z + start * L);
    }
  });
  chunks.reduce(mixture.var_columns, out, pool);
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
    const T* log_prob, const T* gap, T* grad_loc, T* grad_log_var, T* grad_z,
    const MixtureGradient<T>& out, const Pool& pool) {
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
    const PanelRows<T> at_z{rows, rows + size, nullptr, nullptr};
    const PanelRows<T> at_loc{rows + 2 * size, rows + 3 * size, rows + 4 * size, rows + 5 * size};
    chunks.clear(chunk);
    for (int64_t p = chunks.first_panel(chunk); p < chunks.first_panel(chunk + 1); ++p) {
      const int64_t valid = valid_points<T>(B, p), start = p * P;
      fill_panel(posterior.z + start * L, L, valid, L, panel_z);
      fill_panel(posterior.loc + start * L, L, valid, L, panel_loc);
      fill_panel(posterior.log_var + start * L, L, valid, L, variance);
      exponential_of(variance, T(1), variance, L * P);
      fill_rows(posterior.z + start * L, valid, L, stride, at_z.points);
      fill_rows(posterior.loc + start * L, valid, L, stride, at_loc.points);
      fill_rows(posterior.log_var + start * L, valid, L, stride, at_loc.variance);
      exponential_of(at_loc.variance, T(1), at_loc.variance, valid * stride);
      for (int64_t i = 0; i < valid * stride; ++i) {
        at_z.grad[i] = at_loc.grad[i] = at_loc.grad_variance[i] = T(0);
      }
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
      write_rows(at_z.grad, valid, L, stride, grad_z + start * L);
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
constexpr MixtureFunctions<T> table() {
  return {
      log_prob<T>, log_prob_backward<T>, responsibilities<T>, responsibilities_backward<T>,
      kl_bound<T>, kl_bound_backward<T>};
}

}  // namespace

extern const MixtureKernels TOPICFORGE_TABLE_NAME(mixture);
const MixtureKernels TOPICFORGE_TABLE_NAME(mixture) = {table<float>(), table<double>()};

}  // namespace topicforge
