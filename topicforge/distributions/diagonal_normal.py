"""Normal distribution with diagonal covariance."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import Tensor

from topicforge.distributed import randn
from topicforge.distributions.base import Distribution


class DiagonalNormal(Distribution):
    """N(z; loc, diag(exp(log_var))).

    Args:
        loc: (B, L) or (L,) means.
        log_var: same shape, logarithms of the variances.
    """

    space: ClassVar[Literal["z", "theta"]] = "z"

    def __init__(self, loc: Tensor, log_var: Tensor) -> None:
        self.loc = loc
        self.log_var = log_var

    @property
    def mean(self) -> Tensor:
        """``loc``."""
        return self.loc

    def rsample(self, n: int | None = None) -> Tensor:
        """Z = loc + exp(log_var / 2) * eps, eps ~ N(0, I) (Kingma and Welling 2014)."""
        shape = self.loc.shape if n is None else (n, *self.loc.shape)
        # a posterior has a row per document, a prior has none
        eps = randn(shape, self.loc, len(shape) - self.loc.ndim if self.loc.ndim > 1 else None)
        return self.loc + (0.5 * self.log_var).exp() * eps

    def log_prob(self, value: Tensor) -> Tensor:
        """-1/2 sum_j [log(2 pi) + log_var_j + (z_j - loc_j)^2 / exp(log_var_j)], shape (B,)."""
        squared = (value - self.loc).square() * (-self.log_var).exp()
        return -0.5 * (math.log(2 * math.pi) + self.log_var + squared).sum(-1)
