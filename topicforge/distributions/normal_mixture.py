"""Mixture of diagonal normals."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from topicforge import ops
from topicforge.distributed import generator, randn
from topicforge.distributions.base import Distribution


class NormalMixture(Distribution):
    """Sum_c pi_c N(z; mu_c, diag(sigma2_c)), survey eq. 12 and 13.

    Args:
        loc: (C, L) means mu.
        log_var: (C, L), or (C, 1) for one variance a component: log sigma2.
        log_weight: (C,) log pi; exp of it sums to one.
    """

    space: ClassVar[Literal["z", "theta"]] = "z"

    def __init__(self, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> None:
        self.loc = loc
        self.log_var = log_var
        self.log_weight = log_weight

    @property
    def mean(self) -> Tensor:
        """Sum_c pi_c mu_c, (L,)."""
        return self.log_weight.exp() @ self.loc

    def rsample(self, n: int | None = None) -> Tensor:
        """(n, L) or (L,): c ~ pi without gradient, then z = mu_c + sigma_c eps with gradient to mu, sigma.

        The choice of c carries no gradient to pi: a prior with learned weights declares itself not
        reparameterised, and divergences that need samples refuse it.
        """
        if n == 0:  # torch.multinomial draws one at least
            return self.loc[:0]
        weight = self.log_weight.detach().exp()
        component = torch.multinomial(
            weight, n or 1, replacement=True, generator=generator(weight.device)
        )
        component = component[0] if n is None else component
        loc = self.loc[component]
        scale = (0.5 * self.log_var[component]).exp()
        return loc + scale * randn(loc.shape, loc, None)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log sum_c pi_c N(z; mu_c, sigma2_c), (B,), streamed over components."""
        return ops.mixture_log_prob(value, self.loc, self.log_var, self.log_weight)

    def responsibilities(self, value: Tensor) -> Tensor:
        """(B, C): q(c | z) of eq. 18, in log space."""
        return ops.mixture_responsibilities(value, self.loc, self.log_var, self.log_weight)
