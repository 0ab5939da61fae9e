"""The last layer of an encoder."""

from __future__ import annotations

from torch import Tensor, nn

from topicforge.contracts.options import require
from topicforge.parts.layers.batch_norm import VARIANTS, BatchNorm, variant
from topicforge.parts.layers.linear import Linear


class Head(nn.Module):
    """y = W h + b, or scale times batch norm of W h, whose own bias takes b's place.

    Args:
        where: the encoder, for errors.
        width: of h.
        n_out: of y.
        batch_norm: normalise over the batch: False, True (``bias``), or what is learned there:
            ``plain`` (nothing), ``bias`` (with the scale fixed at 1), ``affine`` (both).
        scale: fixed factor on what batch norm gives; without it there is nothing to scale.

    Raises:
        OptionError: another ``batch_norm``.
    """

    def __init__(
        self, where: str, width: int, n_out: int, *, batch_norm: bool | str, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.where = where
        self.scale = scale
        kind = variant(where, batch_norm)
        # batch norm subtracts the batch's mean, so a bias before it would never get a gradient
        self.linear = Linear(width, n_out, bias=kind is None)
        self.norm = None if kind is None else BatchNorm(n_out, **VARIANTS[kind])

    def start_at(self, value: float) -> None:
        """Make y equal to ``value`` for every h: W zero, the bias ``value``.

        Raises:
            OptionError: another value than 0, where batch norm has no bias.
        """
        nn.init.zeros_(self.linear.weight)
        bias = self.linear.bias if self.norm is None else self.norm.bias
        if bias is None:
            must = f"'bias' or 'affine', to start at {value:.3g}"
            require(value == 0, self.where, "batch_norm", must, "plain")
            return
        nn.init.constant_(bias, value if self.norm is None else value / self.scale)

    def forward(self, h: Tensor) -> Tensor:
        """(B, n_out) of h (B, width)."""
        y: Tensor = self.linear(h)
        return y if self.norm is None else self.scale * self.norm(y)
