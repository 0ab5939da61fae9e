"""A stack of dense layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from topicforge.parts.layers.dropout import Dropout
from topicforge.parts.layers.linear import Linear


class Mlp(nn.Module):
    """x (B, widths[0]) -> (B, widths[-1]): dense, activation, dropout, for each further width.

    Args:
        widths: input width, then each layer's.
        activation: a function of :func:`topicforge.parts.layers.activation`.
        dropout: share of units dropped after each layer in training.
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: Callable[[Tensor], Tensor],
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(below, above) for below, above in pairwise(widths))
        self.dropout = Dropout(dropout)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's units, (B, widths[-1]); x itself where there is no layer."""
        for layer in self.layers:
            x = self.dropout(self.activation(layer(x)))
        return x
