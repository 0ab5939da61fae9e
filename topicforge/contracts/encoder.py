"""The encoder's contract: sparse counts in, a posterior out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from topicforge.contracts.batch import Batch
from topicforge.contracts.component import Component
from topicforge.contracts.context import Context
from topicforge.contracts.latent import Latent
from topicforge.distributions import Distribution
from topicforge.errors import InputError


class Encoder(Component, ABC):
    """x (sparse batch) -> q(z | x), a posterior with batch shape (B,).

    ``latent`` declares the posterior's type; where it depends on options, override
    :meth:`describe`. The declared type must be the type that :meth:`forward` returns. An encoder
    that reads ``batch.features`` states ``reads_features = True``: a model then requires them, and
    refuses them for every other encoder instead of ignoring them.

    A first layer on counts is best :func:`topicforge.ops.sparse_linear`, which makes no (B, V) matrix.

    Raises:
        InputError: it reads features and the context has none.
    """

    latent: ClassVar[Latent]
    reads_features: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        if self.reads_features and not context.n_features:
            raise InputError(
                f"{type(self).__name__}: this encoder reads features of the documents beside their "
                "counts, but there are none; pass them: fit(X, features=...), (N, F)"
            )

    @classmethod
    def describe(cls, **options: Any) -> Latent:
        """Return what the posterior will be under these options, before any data is read."""
        del options
        return cls.latent

    @abstractmethod
    def forward(self, batch: Batch) -> Distribution:
        """Return q(z | x) of (B,) documents; an empty document gets a finite posterior too."""
