"""The information-diffusion kernel on the simplex and its maximum mean discrepancy."""

from math import comb

import torch
from torch import Tensor

# arccos²(1 − y) = Σ_{n≥1} 2 (2y)ⁿ / (n² C(2n, n)): term n is about (y/2)ⁿ, so below
# y = 0.02 nine terms are exact in float64.
_NEAR = 0.02
_SERIES = [2.0 * 2.0**n / (n * n * comb(2 * n, n)) for n in range(9, 0, -1)]


def squared_arccos(x: Tensor) -> Tensor:
    """arccos²(x) for x in [0, 1], of any shape, with the slope −2 that it truly has at x = 1.

    Differentiating ``acos(x) ** 2`` gives ∞ · 0 = NaN at x = 1. Near 1 the power series in
    1 − x takes over; it also carries on smoothly where rounding has pushed x above 1.
    """
    y = 1.0 - x
    near = y < _NEAR
    # Each branch is fed harmless values where the other one counts: a NaN in an unselected
    # branch would still poison the gradient through 0 · NaN.
    y_near = torch.where(near, y, torch.zeros_like(y))
    x_far = torch.where(near, torch.zeros_like(x), x)
    series = torch.zeros_like(y)
    for coefficient in _SERIES:
        series = (series + coefficient) * y_near
    return torch.where(near, series, torch.acos(x_far).square())


def diffusion_kernel(log_q: Tensor, log_p: Tensor, t: float = 1.0) -> Tensor:
    """k(q_i, p_j) = exp(−arccos²(Σ_k √(q_ik p_jk)) / t), survey eq. 11.

    ``log_q`` (n, K) and ``log_p`` (m, K) hold log-probabilities; the result is (n, m).
    √q = exp(½ log q), so that a component of probability 0 has gradient 0 and not 0 · ∞.
    """
    affinity = torch.exp(0.5 * log_q) @ torch.exp(0.5 * log_p).T  # (n, K) @ (K, m) = (n, m)
    return torch.exp(squared_arccos(affinity) / (-t))


def diffusion_mmd(log_q: Tensor, log_p: Tensor, t: float = 1.0, unbiased: bool = True) -> Tensor:
    """MMD² = mean k(q, q') + mean k(p, p') − 2 mean k(q, p); survey eqs. 10 and 11.

    ``log_q`` (n, K), ``log_p`` (m, K) → scalar. Unbiased leaves the diagonal out of the two
    within-sample means, biased keeps it.
    """
    n, m = log_q.shape[0], log_p.shape[0]
    within_q, within_p = diffusion_kernel(log_q, log_q, t), diffusion_kernel(log_p, log_p, t)
    cross = diffusion_kernel(log_q, log_p, t).mean()
    if not unbiased:
        return within_q.mean() + within_p.mean() - 2.0 * cross
    sum_q = within_q.sum() - within_q.diagonal().sum()
    sum_p = within_p.sum() - within_p.diagonal().sum()
    return sum_q / (n * (n - 1)) + sum_p / (m * (m - 1)) - 2.0 * cross
