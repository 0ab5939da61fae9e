"""The Gaussian prior."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from topicforge.contracts import Context, Latent, Prior
from topicforge.contracts.options import positive
from topicforge.distributions import DiagonalNormal


class GaussianPrior(Prior):
    """p(z) = N(0, variance I) (Kingma and Welling 2014).

    Args:
        context: sizes.
        variance: variance of every coordinate of z, > 0.
    """

    latent: ClassVar[Latent] = Latent(DiagonalNormal, trainable=False)
    loc: Tensor
    log_var: Tensor

    def __init__(self, context: Context, *, variance: float = 1.0) -> None:
        super().__init__(context)
        log_var = math.log(positive("prior 'gaussian'", "variance", variance))
        self.register_buffer("loc", torch.zeros(context.n_latent))
        self.register_buffer("log_var", torch.full((context.n_latent,), log_var))

    def distribution(self) -> DiagonalNormal:
        """N(0, variance I)."""
        return DiagonalNormal(self.loc, self.log_var)
