"""Noise on the topic proportions that the decoder is given."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from topicforge import distributed
from topicforge.contracts import Prior, Regulariser
from topicforge.contracts.options import share as check_share
from topicforge.distributions import Dirichlet

_WHERE = "regulariser 'theta-noise'"


class ThetaNoise(Regulariser):
    """(1 - a) theta + a e, with e drawn from the prior; the divergence sees the clean theta.

    Where the prior does not live on the simplex, e is drawn from Dir(0.1).

    Args:
        share: a, the share of the noise in what the decoder is given, in [0, 1).

    Raises:
        OptionError: ``share`` is no number in [0, 1).

    Source: Nan et al. 2019, section 3.3.
    """

    def __init__(self, *, share: float = 0.2) -> None:
        self.share = check_share(_WHERE, "share", share)

    def start(self, network: Any) -> None:
        """Keep the prior, which the noise is drawn from."""
        self._prior: Prior = network.prior

    def theta(self, theta: Tensor) -> Tensor:
        """Theta with noise, (B, K)."""
        p = self._prior.distribution()
        if p.space != "theta":
            p = Dirichlet(theta.new_full((theta.shape[1],), 0.1))
        noise = distributed.prior_draws(p.rsample, theta.shape[0]).exp()
        return (1 - self.share) * theta + self.share * noise
