"""Regularisers in force, and what several of them amount to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from torch import Tensor

from topicforge.contracts import Progress, Regulariser
from topicforge.errors import MixError, PluginError
from topicforge.training.named import Named
from topicforge.wiring.network import Network


class Regularisers:
    """Several regularisers as one, in the order in which they were given.

    Args:
        named: in the order in which they were given.
    """

    def __init__(self, named: Sequence[Named]) -> None:
        self._named = list(named)

    def start(self, network: Network) -> None:
        """Before the first step.

        Raises:
            MixError: a regulariser does not fit the network.
        """
        for one in self._named:
            if one.part.per_document and not network.rule.per_document:
                raise MixError(
                    f"regulariser {one.name!r} needs a divergence with one number per document, but this "
                    f"one ({network.rule.summary}) gives one number per batch; leave it out, or use "
                    "divergence='kl'"
                )
            one.part.start(network)

    def divergence_weight(self, now: Progress) -> float:
        """Product of all factors."""
        weight = 1.0
        for one in self._named:
            weight *= one.part.divergence_weight(now)
        return weight

    def rising(self, now: Progress) -> bool:
        """Whether any weight still rises."""
        return any(one.part.rising(now) for one in self._named)

    def divergence(self, value: Tensor) -> Tensor:
        """What of the mean divergence enters the loss."""
        for one in self._named:
            value = one.part.divergence(value)
        return value

    def hook(self, name: Literal["latent", "theta"]) -> Callable[[Tensor], Tensor] | None:
        """What all of them together make of the latent or of theta; ``None`` where none changes it."""
        plain = getattr(Regulariser, name)
        changing = [one for one in self._named if getattr(type(one.part), name) is not plain]
        return partial(_changed, changing, name) if changing else None

    def penalties(self, network: Network, now: Progress) -> dict[str, Tensor]:
        """Scalars to add to the loss, by the regularisers' names."""
        found: dict[str, Tensor] = {}
        for one in self._named:
            value = one.part.penalty(network, now)
            if value is None:
                continue
            if value.ndim != 0:
                raise PluginError(
                    f"regulariser {one.name!r}: penalty must be a scalar, but has shape {tuple(value.shape)}"
                )
            found[one.name] = found[one.name] + value if one.name in found else value
        return found

    @property
    def penalise(self) -> bool:
        """Whether any of them adds to the loss what the encoder's weights say."""
        return any(
            type(one.part).penalty is not Regulariser.penalty and one.part.reads_encoder
            for one in self._named
        )

    def trains(self, part: str, now: Progress) -> bool:
        """Whether all of them let the part move."""
        return all(one.part.trains(part, now) for one in self._named)

    def names(self) -> Sequence[str]:
        """In order."""
        return [one.name for one in self._named]


def _changed(named: Sequence[Named], method: str, value: Tensor) -> Tensor:
    """The value after a method of every regulariser, in order.

    Raises:
        PluginError: one of them changed the shape.
    """
    shape = value.shape
    for one in named:
        value = getattr(one.part, method)(value)
        if value.shape != shape:
            raise PluginError(
                f"regulariser {one.name!r}: {method} must keep the shape {tuple(shape)}, but gave "
                f"{tuple(value.shape)}"
            )
    return value
