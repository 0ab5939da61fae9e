"""The last layer of an encoder."""

from __future__ import annotations

from torch import Tensor, nn

from topicforge.layers.batch_norm import BatchNorm


class Head(nn.Module):
    """y = W h + b, or scale times batch norm of W h, whose own bias takes b's place.

    Args:
        width: of h.
        n_out: of y.
        batch_norm: normalise over the batch.
        scale: fixed factor on what batch norm gives; without it there is nothing to scale.
    """

    def __init__(self, width: int, n_out: int, *, batch_norm: bool, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        # batch norm subtracts the batch's mean, so a bias before it would never get a gradient
        self.linear = nn.Linear(width, n_out, bias=not batch_norm)
        self.norm = BatchNorm(n_out) if batch_norm else None

    def start_at(self, value: float) -> None:
        """Make y equal to ``value`` for every h: W zero, the bias ``value``."""
        nn.init.zeros_(self.linear.weight)
        bias = self.linear.bias if self.norm is None else self.norm.bias
        assert bias is not None
        nn.init.constant_(bias, value if self.norm is None else value / self.scale)

    def forward(self, h: Tensor) -> Tensor:
        """(B, n_out) of h (B, width)."""
        y: Tensor = self.linear(h)
        return y if self.norm is None else self.scale * self.norm(y)
