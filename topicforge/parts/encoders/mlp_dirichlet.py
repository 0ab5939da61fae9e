"""MLP encoder with a Dirichlet posterior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch.nn import functional as F

from topicforge.contracts import Batch, Context, Encoder, Latent
from topicforge.contracts.options import positive
from topicforge.distributions import Dirichlet
from topicforge.parts.encoders.trunk import Trunk
from topicforge.parts.layers import Head


class MlpDirichletEncoder(Encoder):
    """q(theta | x) = Dir(softplus(f(x)) + floor), reparameterised (D-VAE, Burkhardt 2019).

    Args:
        context: sizes; L = K.
        hidden: widths of the hidden layers.
        activation: function after each layer: relu, softplus, tanh or gelu.
        dropout: share of the units that are dropped before the head in training, in [0, 1).
        input: what the first layer reads: counts, normalized (x / sum x), log1p or log1p-normalized.
        word_dropout: share of a document's words that are hidden from the encoder in training,
            in [0, 1).
        batch_norm: normalise f(x) over the batch: False, True (``bias``: learned, scale fixed at 1),
            ``affine`` (both learned) or ``plain`` (neither).
        floor: smallest concentration; keeps log-gamma's gradients finite.
    """

    latent: ClassVar[Latent] = Latent(Dirichlet)

    def __init__(
        self,
        context: Context,
        *,
        hidden: Sequence[int] = (100, 100),
        activation: str = "softplus",
        dropout: float = 0.0,
        input: str = "log1p-normalized",  # noqa: A002
        word_dropout: float = 0.0,
        batch_norm: bool | str = True,
        floor: float = 1e-2,
    ) -> None:
        super().__init__(context)
        where = "encoder 'mlp-dirichlet'"
        self.floor = positive(where, "floor", floor)
        self.trunk = Trunk(
            where, context.vocab_size, hidden, activation, dropout, input, word_dropout
        )
        self.head = Head(where, self.trunk.width, context.n_topics, batch_norm=batch_norm)

    def forward(self, batch: Batch) -> Dirichlet:
        """Return q(theta | x) of (B,) documents."""
        return Dirichlet(F.softplus(self.head(self.trunk(batch))) + self.floor)
