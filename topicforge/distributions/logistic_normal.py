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

        -1/2 [(K - 1) log 2 pi + sum_k log var_k + log W + sum_k w_k (d_k - c)^2] - sum_k log theta_k

        with w_k = 1 / var_k, W = sum_k w_k, d = log theta - loc and c = sum_k w_k d_k / W. softmax
        forgets a common shift s of z = log theta + s, so N(z; loc, var) is integrated over s, a
        Gaussian integral; the Jacobian of (theta_1, ..., theta_{K-1}, s) -> z is 1 / prod_k theta_k
        (Aitchison and Shen 1980, for a diagonal covariance before softmax).
        """
        w = (-self.base.log_var).exp()
        d = value - self.base.loc
        total = w.sum(-1)
        centred = d - ((w * d).sum(-1) / total)[..., None]
        quadratic = (w * centred.square()).sum(-1)
        norm = (value.shape[-1] - 1) * math.log(2 * math.pi) + self.base.log_var.sum(-1)
        return -0.5 * (norm + total.log() + quadratic) - value.sum(-1)
