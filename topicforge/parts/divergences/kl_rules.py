"""KL(q || p) by type pair: closed forms, the Laplace approximation and the VaDE bound."""

from __future__ import annotations

import torch
from torch import Tensor

from topicforge import ops
from topicforge.contracts import Rule, RuleSpec, Samples
from topicforge.distributions import DiagonalNormal, Dirichlet, LogisticNormal, NormalMixture


def kl_normal_normal(q: DiagonalNormal, p: DiagonalNormal, samples: Samples) -> Tensor:
    """1/2 sum_j [log s2_p/s2_q + (s2_q + (mu_q - mu_p)^2) / s2_p - 1], (B,).

    Kingma and Welling 2014, appendix B; for p = N(0, I) also Zhang, survey, eq. 6.
    """
    del samples
    precision = (-p.log_var).exp()
    variance_ratio = (q.log_var - p.log_var).exp()
    distance = (q.loc - p.loc).square() * precision
    return 0.5 * (variance_ratio + distance - 1 + p.log_var - q.log_var).sum(-1)


def laplace_approximation(p: Dirichlet) -> DiagonalNormal:
    """Normal in the softmax basis whose logistic normal approximates Dir(a), (K,).

    mu_k = log a_k - mean_i log a_i; s2_k = (1 - 2/K) / a_k + sum_i 1/a_i / K^2
    (Hennig 2012; Srivastava and Sutton 2017, section 3.2). With K = 1 theta is always 1
    whatever z is, and the formula's variance is 0: N(0, 1) is taken instead.
    """
    a = p.concentration
    k = a.shape[-1]
    if k == 1:
        return DiagonalNormal(torch.zeros_like(a), torch.zeros_like(a))
    loc = a.log() - a.log().mean(-1, keepdim=True)
    variance = (1 - 2 / k) / a + a.reciprocal().sum(-1, keepdim=True) / k**2
    return DiagonalNormal(loc, variance.log())


def kl_normal_dirichlet(q: DiagonalNormal, p: Dirichlet, samples: Samples) -> Tensor:
    """KL in z to the Laplace approximation of the Dirichlet, (B,)."""
    return kl_normal_normal(q, laplace_approximation(p), samples)


def kl_logistic_dirichlet(q: LogisticNormal, p: Dirichlet, samples: Samples) -> Tensor:
    """KL of the normals under both logistic normals, the prior by its Laplace approximation, (B,)."""
    return kl_normal_normal(q.base, laplace_approximation(p), samples)


def kl_dirichlet_dirichlet(q: Dirichlet, p: Dirichlet, samples: Samples) -> Tensor:
    """Closed form (B,): with q = Dir(a), p = Dir(b), A = sum a, B = sum b.

    log G(A) - sum log G(a_k) - log G(B) + sum log G(b_k)
    + sum_k (a_k - b_k) (psi(a_k) - psi(A)) (Penny 2001).
    """
    del samples
    a, b = q.concentration, p.concentration
    total = a.sum(-1, keepdim=True)
    norm = torch.lgamma(total.squeeze(-1)) - torch.lgamma(b.sum(-1))
    norm = norm + (torch.lgamma(b) - torch.lgamma(a)).sum(-1)
    return norm + ((a - b) * (torch.digamma(a) - torch.digamma(total))).sum(-1)


def kl_normal_mixture(q: DiagonalNormal, p: NormalMixture, samples: Samples) -> Tensor:
    """The VaDE bound (Jiang 2017, eq. 12), its responsibilities (eq. 16) at the sampled z, (B,)."""
    return ops.mixture_kl_bound(q.loc, q.log_var, samples.z, p.loc, p.log_var, p.log_weight)


KL_RULES = (
    RuleSpec(
        "kl",
        Rule(kl_normal_normal, "closed form", "z", "Kingma and Welling 2014; Zhang, survey, eq. 6",
             "KL of two diagonal normals"),
        posterior=DiagonalNormal, prior=DiagonalNormal,
    ),
    RuleSpec(
        "kl",
        Rule(kl_normal_dirichlet, "approximation", "z", "Srivastava and Sutton 2017, section 3.2",
             "KL to the Laplace approximation of the Dirichlet in the softmax basis"),
        posterior=DiagonalNormal, prior=Dirichlet, needs_softmax_link=True,
    ),
    RuleSpec(
        "kl",
        Rule(kl_logistic_dirichlet, "approximation", "z", "Srivastava and Sutton 2017, section 3.2",
             "KL to the Laplace approximation of the Dirichlet in the softmax basis"),
        posterior=LogisticNormal, prior=Dirichlet,
    ),
    RuleSpec(
        "kl",
        Rule(kl_dirichlet_dirichlet, "closed form", "theta", "Penny 2001; Burkhardt and Kramer 2019",
             "KL of two Dirichlets"),
        posterior=Dirichlet, prior=Dirichlet,
    ),
    RuleSpec(
        "kl",
        Rule(kl_normal_mixture, "bound", "z",
             "Jiang 2017, eq. 12 and 16; Zhang, survey, eq. 17 and 18",
             "the VaDE bound, responsibilities at the sampled z"),
        posterior=DiagonalNormal, prior=NormalMixture,
    ),
)  # fmt: skip
