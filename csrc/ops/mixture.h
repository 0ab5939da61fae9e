// Mixtures of Gaussians with diagonal or isotropic variance.
#pragma once

#include "ops/kernels.h"

namespace topicforge {

// Row-major, contiguous: loc (C, L), log_var (C, var_columns), var_columns = L or 1,
// log_weight (C,).
template <class T>
struct Mixture {
  const T* loc;
  const T* log_var;
  const T* log_weight;
  int64_t C, L, var_columns;
};

// Where the gradients of points and of the mixture's parameters go, each in its shape.
template <class T>
struct MixtureGradients {
  T* z;
  T* loc;
  T* log_var;
  T* log_weight;
};

// What the VaDE bound needs of a batch: posterior means, log-variances and samples, all (B, L).
template <class T>
struct Posterior {
  const T* loc;
  const T* log_var;
  const T* z;
  int64_t B;
};

// One number per document each (B,): the bound, log p(z), and the mean under q(c | z) of half the
// difference between the posterior's and z's squared distances to the components.
template <class Pointer>
struct BoundTerms {
  Pointer bound, log_prob, gap;
};

template <class T>
struct MixtureFunctions {
  // out (B,) = log p(z). Unless `shares` is null it gets the B * C responsibilities q(c | z), panel
  // of points after panel, as log_prob_backward_kept reads them: rows of B numbers each would all
  // lie in the same few places of the cache where B is a power of two.
  void (*log_prob)(const Mixture<T>&, const T* z, int64_t B, T* out, T* shares, const Device&);
  // Gradients of sum(grad * log p(z)), given log p(z).
  void (*log_prob_backward)(
      const Mixture<T>&, const T* z, int64_t B, const T* grad, const T* log_prob,
      const MixtureGradients<T>&, const Device&);
  // The same, given q(c | z) as log_prob made it (on the CPU only); log_weight is not read, and
  // grad's elements lie `grad_step` apart.
  void (*log_prob_backward_kept)(
      const Mixture<T>&, const T* z, int64_t B, const T* grad, int64_t grad_step,
      const T* shares, const MixtureGradients<T>&, const Device&);
  // out (B, C) = q(c | z).
  void (*responsibilities)(const Mixture<T>&, const T* z, int64_t B, T* out, const Device&);
  // Gradients of sum(grad * q(c | z)), given q(c | z); log_weight is not read.
  void (*responsibilities_backward)(
      const Mixture<T>&, const T* z, int64_t B, const T* grad, const T* responsibilities,
      const MixtureGradients<T>&, const Device&);
  // The expected terms of VaDE's bound, and what else the pass makes.
  void (*kl_bound)(const Mixture<T>&, const Posterior<T>&, const BoundTerms<T*>&, const Device&);
  // Gradients of the sum of all terms, each times its own `grad`.
  void (*kl_bound_backward)(
      const Mixture<T>&, const Posterior<T>&, const BoundTerms<const T*>& grad,
      const T* log_prob, const T* gap, T* grad_loc, T* grad_log_var,
      const MixtureGradients<T>&, const Device&);
};

TOPICFORGE_KERNELS(MixtureFunctions, mixture)

}  // namespace topicforge
