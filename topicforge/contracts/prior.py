"""The prior's contract: it builds its distribution anew at each call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from topicforge.contracts.component import Component
from topicforge.contracts.latent import Latent
from topicforge.distributions import Distribution


class Prior(Component, ABC):
    """p(z) or p(theta), without batch shape.

    ``latent`` declares type and flags; where they depend on options, override :meth:`describe`.
    """

    latent: ClassVar[Latent]

    @classmethod
    def describe(cls, **options: Any) -> Latent:
        """Return what the prior will be under these options, before any data is read."""
        del options
        return cls.latent

    @abstractmethod
    def distribution(self) -> Distribution:
        """Return p, built from the parameters as they are now, so that gradients reach them."""

    def anchors(self) -> Tensor | None:
        """(C, L) points that stand for topics (a mixture's means), or ``None``.

        Where there are anchors, the model reads its topics from them: topic c is the decoder at
        link(anchor c). There must be one for each topic.
        """
        return None

    def anchor_proportions(self, z: Tensor | None) -> Tensor | None:
        """How much of each anchor documents have.

        A mixture returns the responsibilities q(c | z), and its weights where nothing is known of a
        document. ``None``, the default, leaves theta to the link.

        Args:
            z: (B, L) posterior means; ``None`` asks for a document without words.

        Returns:
            (B, C), or (C,) where z is ``None``; each sums to one.
        """
        del z
        return None

    @property
    def starts_from_latents(self) -> bool:
        """True if training must call :meth:`start_from_latents` before the first step."""
        return False

    def start_from_latents(self, latents: Tensor, seed: int) -> None:
        """Set the parameters from posterior means.

        Args:
            latents: (N, L) posterior means of documents after pretraining.
            seed: for the fit's own randomness.

        Raises:
            TrainingError: the fit failed; the message states why and what to change.
        """
