"""The part the built-in encoders share: counts -> features, first layer sparse."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from topicforge.contracts import Batch
from topicforge.contracts.options import one_of, share, widths
from topicforge.contracts.word_layer import WordLayer
from topicforge.parts.layers import Dropout, Mlp, activation

INPUTS = ("counts", "normalized", "log1p", "log1p-normalized")


def input_values(batch: Batch, transform: str) -> Tensor:
    """Return (nnz,) what the first layer sees of each count.

    ``counts``: x; ``normalized``: x / sum x; ``log1p``: log(1 + x); ``log1p-normalized``:
    log(1 + x) divided by its Euclidean norm in the document. An empty document has no entries, so
    nothing is divided by zero.
    """
    if transform == "counts":
        return batch.count
    if transform == "normalized":
        return batch.count / batch.lengths()[batch.row]
    value = batch.count.log1p()
    if transform == "log1p":
        return value
    row = batch.row
    squares = value.new_zeros(batch.n_documents).index_add(0, row, value.square())
    return value * squares.rsqrt()[row]


class Trunk(nn.Module):
    """Sparse first layer, then dense layers: batch -> (B, hidden[-1]).

    Args:
        where: encoder's name for error messages.
        vocab_size: V.
        hidden: widths; at least one layer.
        activation_name: relu, softplus, tanh or gelu.
        dropout: share of units dropped in training after the last layer.
        transform: one of :data:`INPUTS`.
        word_dropout: share of a document's distinct words hidden from the encoder in training, the
            others scaled up; the decoder still has to explain all of them (denoising).
    """

    def __init__(
        self,
        where: str,
        vocab_size: int,
        hidden: Sequence[int],
        activation_name: str,
        dropout: float,
        transform: str,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = widths(where, "hidden", hidden, least=1)
        one_of(where, "input", transform, INPUTS)
        self.transform = transform
        self.word_dropout = Dropout(share(where, "word_dropout", word_dropout), entries=True)
        self.activation = activation(where, activation_name)
        self.words = WordLayer(nn.init.xavier_uniform_(torch.empty(vocab_size, hidden[0])))
        self.bias = nn.Parameter(torch.zeros(hidden[0]))
        self.rest = Mlp(hidden, self.activation)
        self.dropout = Dropout(share(where, "dropout", dropout))
        self.width = hidden[-1]

    def forward(self, batch: Batch) -> Tensor:
        """Return (B, width)."""
        value = self.word_dropout(input_values(batch, self.transform))
        h = self.words(batch, value, self.bias)
        features: Tensor = self.dropout(self.rest(self.activation(h)))
        return features
