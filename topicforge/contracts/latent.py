"""What a posterior or a prior declares before any data is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from topicforge.distributions import Distribution

Space = Literal["z", "theta"]


@dataclass(frozen=True)
class Latent:
    """Type and flags of a posterior or a prior; a divergence's rule follows from the two.

    Args:
        distribution: the type that the posterior's or prior's distribution will have.
        reparameterised: gradients reach every trainable parameter through ``rsample``.
        trainable: the distribution has parameters that training moves. True of every posterior.
    """

    distribution: type[Distribution]
    reparameterised: bool = True
    trainable: bool = True

    @property
    def space(self) -> Space:
        """``z``: all of R^L; ``theta``: the simplex, where samples are log theta."""
        return self.distribution.space
