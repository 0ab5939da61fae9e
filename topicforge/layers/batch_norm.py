"""Batch normalisation with the variants that topic models need."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPS = 1e-3  # as the ProdLDA authors
_MOMENTUM = 0.1  # share of the newest batch in the running statistics


class BatchNorm(nn.Module):
    """y = (x - mean) / sqrt(var + 1e-3) + bias, over the batch (Ioffe and Szegedy 2015).

    ProdLDA keeps the bias and fixes the scale at 1; losing the bias costs it coherence. A batch of
    one row has no variance, so it is normalised by the running statistics instead, in training too.

    Args:
        width: number of columns.
        bias: learn the bias; False leaves it out.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int, *, bias: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (B, width)."""
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            bias=self.bias,
            training=self._learns_from(x),
            momentum=_MOMENTUM,
            eps=_EPS,
        )

    def fold(self, x: Tensor | None, weight: Tensor) -> tuple[Tensor, Tensor]:
        """W' and b' with x W'^T + b' = forward(x W^T), without making the (B, width) matrix.

        Over a batch, column v of x W^T has mean w_v . m and variance w_v^T C w_v, with m (K,) and
        C (K, K) the mean and covariance of x.

        Args:
            x: (B, K) the batch whose statistics count in training; ``None`` takes the running ones.
            weight: (width, K) W.

        Returns:
            W' (width, K) and b' (width,).
        """
        if x is not None and self._learns_from(x):
            mean_x = x.mean(0)
            centred = x - mean_x
            covariance = centred.T @ centred / x.shape[0]
            mean = weight @ mean_x
            var = ((weight @ covariance) * weight).sum(1)
            with torch.no_grad():
                self.running_mean.lerp_(mean, _MOMENTUM)
                # as torch does: normalise by the biased variance, keep the unbiased one
                self.running_var.lerp_(var * (x.shape[0] / (x.shape[0] - 1)), _MOMENTUM)
        else:
            mean, var = self.running_mean, self.running_var
        scale = (var + _EPS).rsqrt()
        shift = -mean * scale
        return weight * scale[:, None], shift if self.bias is None else shift + self.bias

    def _learns_from(self, x: Tensor) -> bool:
        return self.training and x.shape[0] > 1
