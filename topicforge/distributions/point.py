"""A deterministic point: all mass on one z."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from topicforge.distributions.base import Distribution


class Point(Distribution):
    """delta(z - loc): what a deterministic encoder gives; it has no density, so no KL.

    Args:
        loc: (B, L).
    """

    space: ClassVar[Literal["z", "theta"]] = "z"

    def __init__(self, loc: Tensor) -> None:
        self.loc = loc

    @property
    def mean(self) -> Tensor:
        """``loc``."""
        return self.loc

    def rsample(self, n: int | None = None) -> Tensor:
        """``loc`` itself, (B, L), or n copies (n, B, L)."""
        return self.loc if n is None else self.loc.expand(n, *self.loc.shape)
