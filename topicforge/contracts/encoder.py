"""The encoder's contract: sparse counts in, a posterior out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from topicforge.contracts.batch import Batch
from topicforge.contracts.component import Component
from topicforge.contracts.latent import Latent
from topicforge.distributions import Distribution


class Encoder(Component, ABC):
    """x (sparse batch) -> q(z | x), a posterior with batch shape (B,).

    ``latent`` declares the posterior's type; where it depends on options, override
    :meth:`describe`. The declared type must be the type that :meth:`forward` returns.
    """

    latent: ClassVar[Latent]

    @classmethod
    def describe(cls, **options: Any) -> Latent:
        """Return what the posterior will be under these options, before any data is read."""
        del options
        return cls.latent

    @abstractmethod
    def forward(self, batch: Batch) -> Distribution:
        """Return q(z | x) of (B,) documents; an empty document gets a finite posterior too."""
