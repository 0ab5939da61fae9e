"""Noise on the latent, beside that of the posterior."""

from __future__ import annotations

from torch import Tensor

from topicforge.contracts import Regulariser
from topicforge.contracts.options import positive
from topicforge.distributions import DiagonalNormal

_WHERE = "regulariser 'latent-noise'"


class LatentNoise(Regulariser):
    """z + scale * eps, eps ~ N(0, I), before the link; the divergence sees the clean z.

    A decoder that is handed a neighbourhood instead of a point keeps near documents near. It also
    gives a deterministic posterior (``mlp-point``) the noise that it lacks.

    Args:
        scale: standard deviation of the noise, in units of z.

    Raises:
        OptionError: ``scale`` is no positive number.
    """

    def __init__(self, *, scale: float = 0.5) -> None:
        self.scale = positive(_WHERE, "scale", scale)

    def latent(self, z: Tensor) -> Tensor:
        """Z with noise."""
        return z + self.scale * DiagonalNormal(z.new_zeros(z.shape), z.new_zeros(z.shape)).rsample()
