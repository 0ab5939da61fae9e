"""Dirichlet distribution, sampled in log space with gradients to its concentration."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from topicforge.distributed import gamma, generator, rand
from topicforge.distributions.base import Distribution


class Dirichlet(Distribution):
    """Dir(theta; a) = Gamma(sum_k a_k) / prod_k Gamma(a_k) * prod_k theta_k^(a_k - 1).

    Args:
        concentration: (B, K) or (K,), > 0.
    """

    space: ClassVar[Literal["z", "theta"]] = "theta"

    def __init__(self, concentration: Tensor) -> None:
        self.concentration = concentration

    @property
    def mean(self) -> Tensor:
        """log(a / sum a)."""
        return self.concentration.log() - self.concentration.sum(-1, keepdim=True).log()

    def rsample(self, n: int | None = None) -> Tensor:
        """Log theta = log_softmax(log G + log(U) / a), G ~ Gamma(a + 1), U uniform on (0, 1].

        If G ~ Gamma(a + 1) then G U^(1/a) ~ Gamma(a) (Marsaglia and Tsang 2000, section 6), and
        in log space nothing underflows. Gradients to a: implicit reparameterisation for G
        (Figurnov, Mohamed and Mnih 2018, eq. 5, torch's own), -log(U) / a^2 for the boost.
        """
        a = self.concentration
        if n is not None:
            a = a.expand(n, *a.shape)
        # rand is in [0, 1); its complement never is 0
        if self.concentration.ndim > 1:
            boosted = gamma(self.concentration + 1, n)
            uniform = 1 - rand(a.shape, a, a.ndim - 2)
        else:
            boosted = torch._standard_gamma(a + 1, generator=generator(a.device))
            uniform = 1 - rand(a.shape, a, None)
        return torch.log_softmax(boosted.log() + uniform.log() / a, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in theta at ``value`` = log theta (B, K), shape (B,)."""
        a = self.concentration
        norm = torch.lgamma(a.sum(-1)) - torch.lgamma(a).sum(-1)
        # a_k = 1 leaves theta_k out of the density, also where theta_k = 0: 0 * -inf would be NaN,
        # and would stay NaN in the gradient if it were the product that is replaced
        value = torch.where((a == 1) & value.isneginf(), 0.0, value)
        return norm + ((a - 1) * value).sum(-1)
