"""The plain softmax link."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from topicforge.contracts import Context, Link
from topicforge.errors import MixError


class SoftmaxLink(Link):
    """Theta = softmax(z), L = K.

    Args:
        context: sizes.

    Raises:
        MixError: L differs from K.
    """

    softmax: ClassVar[bool] = True
    torchscript: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        if context.n_latent != context.n_topics:
            raise MixError(
                f"link 'softmax': the latent must be as wide as there are topics, got n_latent="
                f"{context.n_latent} and n_topics={context.n_topics}; leave n_latent out or use "
                "link='linear-softmax'"
            )

    def forward(self, z: Tensor) -> Tensor:
        """Log softmax(z), (B, K)."""
        return torch.log_softmax(z, -1)
