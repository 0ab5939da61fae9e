"""Batch normalisation with the variants that topic models need."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BatchNorm(nn.Module):
    """y = scale (x - mean) / sqrt(var + eps) + bias, over the batch (Ioffe and Szegedy 2015).

    ProdLDA keeps the bias and fixes the scale at 1; losing the bias costs it coherence. A batch of
    one row has no variance, so it is normalised by the running statistics instead.

    Args:
        width: number of columns.
        learn_scale: train the scale; False fixes it at ``scale``.
        scale: its start, or its fixed value.
        eps: added to the variance; 1e-3 as the ProdLDA authors.
        momentum: share of the newest batch in the running statistics.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        width: int,
        *,
        learn_scale: bool = False,
        scale: float = 1.0,
        eps: float = 1e-3,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.bias = nn.Parameter(torch.zeros(width))
        self.scale = nn.Parameter(torch.full((width,), scale), requires_grad=learn_scale)
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (B, width)."""
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.scale,
            self.bias,
            training=self.training and x.shape[0] > 1,
            momentum=self.momentum,
            eps=self.eps,
        )
