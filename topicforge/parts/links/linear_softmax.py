"""Softmax after a learned linear map."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from topicforge.contracts import Context, Link


class LinearSoftmaxLink(Link):
    """Theta = softmax(W z + b) (Miao 2017; without b also Zhang, survey, eq. 7).

    Args:
        context: sizes; any L.
        bias: whether b is learned; without it b is 0.
    """

    torchscript: ClassVar[bool] = True

    def __init__(self, context: Context, *, bias: bool = True) -> None:
        super().__init__(context)
        self.linear = nn.Linear(context.n_latent, context.n_topics, bias=bias)

    def forward(self, z: Tensor) -> Tensor:
        """Log softmax(W z + b), (B, K)."""
        return torch.log_softmax(self.linear(z), -1)
