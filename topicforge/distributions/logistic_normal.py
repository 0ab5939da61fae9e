"""Logistic normal: softmax of a diagonal normal."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from topicforge.distributions.base import Distribution
from topicforge.distributions.diagonal_normal import DiagonalNormal


class LogisticNormal(Distribution):
    """Theta = softmax(z), z ~ N(loc, diag(exp(log_var))), on the simplex of K = L parts.

    Args:
        loc: (B, K) or (K,) means of z.
        log_var: same shape, log variances of z.
    """

    space: ClassVar[Literal["z", "theta"]] = "theta"

    def __init__(self, loc: Tensor, log_var: Tensor) -> None:
        self.base = DiagonalNormal(loc, log_var)

    @property
    def mean(self) -> Tensor:
        """Log of softmax(loc): the point that the mean of z is sent to (the mean has no closed form)."""
        return torch.log_softmax(self.base.loc, -1)

    def rsample(self, n: int | None = None) -> Tensor:
        """Log softmax(z) of a reparameterised z."""
        return torch.log_softmax(self.base.rsample(n), -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in theta at ``value`` = log theta (B, K), shape (B,).

        softmax forgets a common shift s of z, so the density integrates over it:
        log integral N(log theta + s 1; loc, var) ds - sum_k log theta_k + log(sum_k theta_k) terms,
        with the Gaussian integral in closed form: with precisions w_k = 1 / var_k, d = log theta - loc,
        W = sum w: -(1/2) [K log 2 pi + sum log var + sum w d^2 - (sum w d)^2 / W] + (1/2) log(2 pi / W),
        and the Jacobian of (theta_1..theta_{K-1}, s) -> z is 1 / prod_k theta_k.
        """
        w = (-self.base.log_var).exp()
        d = value - self.base.loc
        total = w.sum(-1)
        quadratic = (w * d.square()).sum(-1) - (w * d).sum(-1).square() / total
        normal = -0.5 * (
            value.shape[-1] * math.log(2 * math.pi) + self.base.log_var.sum(-1) + quadratic
        )
        return normal + 0.5 * (math.log(2 * math.pi) - total.log()) - value.sum(-1)
