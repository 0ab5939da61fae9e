"""The link's contract: from the latent space to topic proportions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor

from topicforge.contracts.component import Component


class Link(Component, ABC):
    """z (B, L) -> log theta (B, K), the logarithm of a point on the simplex.

    Attributes:
        accepts: the space of the posterior that it accepts: ``z``, or ``theta`` (already on the simplex).
        softmax: True if it is exactly log_softmax(z) with L = K; some closed forms (the Laplace
            approximation of a Dirichlet prior) hold under that link alone.
    """

    accepts: ClassVar[Literal["z", "theta"]] = "z"
    softmax: ClassVar[bool] = False

    @abstractmethod
    def forward(self, z: Tensor) -> Tensor:
        """Return log theta (B, K) of z (B, L)."""
