"""MLP encoder with a deterministic point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from topicforge.contracts import Batch, Context, Encoder, Latent
from topicforge.contracts.options import positive, require
from topicforge.distributions import Point
from topicforge.parts.encoders.trunk import Trunk
from topicforge.parts.layers import Head


class MlpPointEncoder(Encoder):
    """q(z | x) = delta(z - f(x)): no sampling (Tolstikhin 2018; W-LDA, Nan 2019).

    Args:
        context: sizes.
        hidden: widths of the hidden layers.
        activation: function after each layer: relu, softplus, tanh or gelu.
        dropout: share of the units that are dropped before the head in training, in [0, 1).
        input: what the first layer reads: counts, normalized (x / sum x), log1p or log1p-normalized.
        word_dropout: share of a document's words that are hidden from the encoder in training,
            in [0, 1).
        batch_norm: normalise f(x) over the batch: False, True (``bias``: learned, scale fixed at 1, as
            ProdLDA does, Srivastava and Sutton 2017), ``affine`` (both learned) or ``plain``
            (neither).
        scale: fixed factor on the normalised f(x), so only with ``batch_norm``; above 1 its softmax
            is sparser, which a normalised input alone leaves near uniform.
    """

    latent: ClassVar[Latent] = Latent(Point)

    def __init__(
        self,
        context: Context,
        *,
        hidden: Sequence[int] = (100, 100),
        activation: str = "softplus",
        dropout: float = 0.0,
        input: str = "log1p-normalized",  # noqa: A002
        word_dropout: float = 0.0,
        batch_norm: bool | str = False,
        scale: float = 1.0,
    ) -> None:
        super().__init__(context)
        where = "encoder 'mlp-point'"
        scale = positive(where, "scale", scale)
        require(bool(batch_norm) or scale == 1, where, "scale", "1 without batch_norm=True", scale)
        self.trunk = Trunk(
            where, context.vocab_size, hidden, activation, dropout, input, word_dropout
        )
        self.loc = Head(
            where,
            self.trunk.width,
            context.n_latent,
            batch_norm=batch_norm,
            scale=scale,
        )

    def forward(self, batch: Batch) -> Point:
        """Return the point of each of (B,) documents."""
        return Point(self.loc(self.trunk(batch)))
