"""Gaussian mixtures with diagonal or isotropic variances, and the bound built on them."""

from math import log, pi

import torch
from torch import Tensor

_LOG_2PI = log(2.0 * pi)


def component_log_prob(z: Tensor, loc: Tensor, log_var: Tensor) -> Tensor:
    """−½ Σ_l [log 2π + log σ²_cl + (z_bl − μ_cl)² / σ²_cl] = log N(z_b; μ_c, σ²_c).

    ``z`` (B, L), ``loc`` (C, L), ``log_var`` (C, L) or (C, 1) → (B, C). The difference is
    squared as it stands: expanding the square loses every digit in float32 where means are
    far from zero. Needs (B, C, L) of memory, which the native operator does not.
    """
    log_var = log_var.expand(loc.shape)
    distance = (z[:, None, :] - loc).square() * torch.exp(-log_var)  # (B, C, L)
    return -0.5 * (distance.sum(-1) + log_var.sum(-1) + loc.shape[1] * _LOG_2PI)


def mixture_log_prob(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    """Log-likelihood log Σ_c π_c N(z_b; μ_c, σ²_c), by log-sum-exp.

    ``z`` (B, L), ``loc`` (C, L), ``log_var`` (C, L) or (C, 1), ``log_weight`` (C,) → (B,).
    """
    return torch.logsumexp(component_log_prob(z, loc, log_var) + log_weight, dim=-1)


def mixture_responsibilities(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    """q(c | z_b) = π_c N(z_b; μ_c, σ²_c) / Σ_c' π_c' N(z_b; μ_c', σ²_c') → (B, C); eq. 18."""
    return torch.softmax(component_log_prob(z, loc, log_var) + log_weight, dim=-1)


def mixture_kl_bound(
    loc: Tensor,
    log_var: Tensor,
    z: Tensor,
    mix_loc: Tensor,
    mix_log_var: Tensor,
    log_weight: Tensor,
) -> Tensor:
    """The expected terms of survey eq. 17 (VaDE, Jiang 2017), a document.

        ½ Σ_c η_c Σ_j [log σ²_cj + σ̃²_j/σ²_cj + (μ̃_j − μ_cj)²/σ²_cj]
          − Σ_c η_c log(π_c/η_c) − ½ Σ_j (1 + log σ̃²_j),      η_c = q(c | z) of eq. 18

    ``loc`` μ̃, ``log_var`` log σ̃² and ``z`` (B, L); ``mix_loc`` (C, L); ``mix_log_var`` (C, L)
    or (C, 1); ``log_weight`` log π (C,) → (B,). Since log η_c = log π_c + log N_c(z) −
    log p(z), the entropy term is Σ_c η_c log N_c(z) − log p(z): no log π is left in it, and a
    component of weight 0 contributes 0 instead of 0 · (∞ − ∞).
    """
    mix_log_var = mix_log_var.expand(mix_loc.shape)
    log_density = component_log_prob(z, mix_loc, mix_log_var)  # (B, C)
    log_joint = log_density + log_weight
    eta = torch.softmax(log_joint, dim=-1)
    spread = torch.exp(log_var)[:, None, :] + (loc[:, None, :] - mix_loc).square()  # (B, C, L)
    expected = 0.5 * (mix_log_var + spread * torch.exp(-mix_log_var)).sum(-1)  # (B, C)
    cross = (eta * (expected + log_density)).sum(-1) - torch.logsumexp(log_joint, dim=-1)
    return cross - 0.5 * (1.0 + log_var).sum(-1)
