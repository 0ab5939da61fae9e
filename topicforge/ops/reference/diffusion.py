"""The information-diffusion kernel on the simplex and its maximum mean discrepancy."""

from math import comb
from typing import Any

import torch
from torch import Tensor

# arccos²(1 − y) = Σ_{n≥1} 2 (2y)ⁿ / (n² C(2n, n)); the slope's term n is about (y/2)ⁿ, so
# below y = 0.01 eight terms are exact in float64.
_NEAR = 0.01
_SLOPES = [-2.0 * 2.0**n / (n * comb(2 * n, n)) for n in range(1, 9)]


def _slope(x: Tensor) -> Tensor:
    """−2 arccos(x) / √(1 − x²) = d arccos²(x) / dx, which is −2 at x = 1."""
    y = 1.0 - x
    near = y < _NEAR
    # Each branch is fed harmless values where the other one counts: a NaN in a branch that is
    # not selected would still poison a gradient, through 0 · NaN.
    y_near = torch.where(near, y, 0.0)
    y_far = torch.where(near, 1.0, y)
    series = torch.full_like(y, _SLOPES[-1])
    for coefficient in reversed(_SLOPES[:-1]):
        series = series * y_near + coefficient
    exact = -2.0 * torch.acos(1.0 - y_far) * torch.rsqrt(y_far * (2.0 - y_far))
    return torch.where(near, series, exact)


class _SquaredArccos(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.acos(x.clamp(max=1.0)).square_()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * _slope(x)


def squared_arccos(x: Tensor) -> Tensor:
    """arccos²(x) for x in [0, 1], of any shape, with the slope −2 that it truly has at x = 1.

    Differentiating ``acos(x) ** 2`` gives ∞ · 0 = NaN at x = 1, and a clamp before it a slope of
    0, so the slope has a formula of its own; it can be differentiated again. An x that rounding
    has pushed above 1 counts as 1.
    """
    y: Tensor = _SquaredArccos.apply(x)  # type: ignore[no-untyped-call]
    return y


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
