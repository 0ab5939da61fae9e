"""The first layer of an encoder: a matrix with a row per word."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from topicforge import ops
from topicforge.contracts.batch import Batch


class WordLayer(nn.Module):
    """y_b = sum_{v in document b} x_bv W_v + bias, :func:`topicforge.ops.sparse_linear` of a batch.

    Args:
        weight: (V, H) W.

    Attributes:
        rows: (R,) words -> (R, H) their rows of W, in place of the whole matrix while a network trains; set
            by an optimiser that steps the rows of a batch alone (:class:`topicforge.training.adam.RowAdam`).
    """

    rows: Callable[[Tensor], Tensor] | None = None

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, batch: Batch, value: Tensor, bias: Tensor) -> Tensor:
        """Return (B, H).

        Args:
            batch: the documents.
            value: (nnz,) input of each entry.
            bias: (H,).
        """
        if self.rows is None or not (self.training and torch.is_grad_enabled()):
            return ops.sparse_linear(batch.crow, batch.col, value, self.weight, bias)
        words, place = batch.words()
        return ops.sparse_linear(batch.crow, place, value, self.rows(words), bias)
