"""The identity, for posteriors that live on the simplex already."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from topicforge.contracts import Link


class SimplexLink(Link):
    """Log theta -> log theta; a prior sample z from R^K is sent through softmax.

    The posterior's samples come in as log theta, for which log_softmax is the identity, so one
    formula serves both.
    """

    accepts: ClassVar[Literal["z", "theta"]] = "theta"
    torchscript: ClassVar[bool] = True

    def forward(self, z: Tensor) -> Tensor:
        """Log softmax(z), (B, K)."""
        return torch.log_softmax(z, -1)
