"""The base of all latent distributions: real types, so that a type says what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from typing import ClassVar, Literal, Self

from torch import Tensor

from topicforge.errors import MixError


class Distribution(ABC):
    """A distribution over z in R^L (``space = "z"``) or over theta on the simplex (``"theta"``).

    Values on the simplex are always handed on as log theta, because small concentrations
    underflow theta itself in float32. A posterior has batch shape (B,); a prior has none.
    Random numbers may come from torch's global generator, which training seeds and restores.
    """

    space: ClassVar[Literal["z", "theta"]]

    @abstractmethod
    def rsample(self, n: int | None = None) -> Tensor:
        """Draw a reparameterised sample.

        Args:
            n: number of draws of a distribution without batch shape; ``None`` draws one, for each
                document where there are B of them.

        Returns:
            (B, L), (n, L) or (L,): z, or log theta where the space is ``theta``.
        """

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """(B, L) or (L,): mean of z, or log of the mean of theta where the space is ``theta``."""

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Return the same distribution with ``function`` of each of its tensors.

        Where several processes share a batch, the posterior's rows are gathered with it. It maps
        every attribute that is a tensor or a distribution; a posterior that holds a tensor without
        a row for each document overrides it.

        Args:
            function: tensor (B, ...) -> tensor (B', ...).
        """
        mapped = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(mapped, name, function(value))
            elif isinstance(value, Distribution):
                setattr(mapped, name, value.map_tensors(function))
        return mapped

    def log_prob(self, value: Tensor) -> Tensor:
        """Return (B,) the log-density at ``value`` (B, L) (z, or log theta; density in theta).

        Raises:
            MixError: the distribution has no density.
        """
        del value
        raise MixError(
            f"{type(self).__name__}.log_prob: a density is needed, but this distribution has none; "
            "choose a divergence that needs samples alone (mmd)"
        )
