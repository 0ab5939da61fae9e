"""The sparse first layer of an encoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from topicforge import ops
from topicforge.contracts.batch import Batch


class WordLayer(nn.Module):
    """y_b = sum_{v in document b} x_bv W_v + bias: counts to the first hidden layer, without zeros.

    An encoder that begins with it trains faster on a large vocabulary: training can give its weight
    the gradient of the batch's words alone, and step no other rows. Nothing needs to be done for it.

    Args:
        vocab_size: V.
        width: H.
        bias: learn a bias, zero at first; without it there is none.

    Attributes:
        weight: (V, H), started as ``torch.nn.init.xavier_uniform_`` does.
        bias: (H,), or ``None``.
        before_reading: set by training while it steps only the rows that are read: it is called with the
            words of the batch, (R,), before their rows are read, and the weight then gets a sparse
            gradient of these rows.
    """

    before_reading: Callable[[Tensor], None] | None = None

    def __init__(self, vocab_size: int, width: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        nn.init.xavier_uniform_(self.weight)

    def forward(self, batch: Batch, value: Tensor | None = None) -> Tensor:
        """Return (B, H).

        Args:
            batch: the documents.
            value: (nnz,) x, the input of each entry of the batch; ``None`` for its counts.
        """
        if self.before_reading is not None:
            self.before_reading(batch.words()[0])
        return ops.sparse_linear(
            batch.crow,
            batch.col,
            batch.count if value is None else value,
            self.weight,
            self.weight.new_zeros(self.weight.shape[1]) if self.bias is None else self.bias,
            sparse_grad=self.before_reading is not None and self.training,
        )

    def extra_repr(self) -> str:
        """The sizes, for ``print``."""
        vocab_size, width = self.weight.shape
        return f"{vocab_size}, {width}, bias={self.bias is not None}"
