"""Free bits: a little divergence costs nothing."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from topicforge.contracts import Regulariser
from topicforge.contracts.options import positive

_WHERE = "regulariser 'free-bits'"


class FreeBits(Regulariser):
    """D = max(mean KL, nats) (Kingma 2016, section 5.3, over the batch as a whole).

    Below that many nats per document the divergence has no gradient, so the posterior need not
    collapse into the prior.

    Args:
        nats: divergence per document that costs nothing, in nats, > 0.

    Raises:
        OptionError: ``nats`` is no positive number.
    """

    per_document: ClassVar[bool] = True

    def __init__(self, *, nats: float = 1.0) -> None:
        self.nats = positive(_WHERE, "nats", nats)

    def divergence(self, value: Tensor) -> Tensor:
        """The mean, but at least ``nats``."""
        return value.clamp_min(self.nats)
