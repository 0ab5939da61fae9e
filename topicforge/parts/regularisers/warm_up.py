"""KL annealing: the divergence enters slowly."""

from __future__ import annotations

from topicforge.contracts import Progress, Regulariser
from topicforge.contracts.options import whole

_WHERE = "regulariser 'warm-up'"


class WarmUp(Regulariser):
    """weight = min(1, epoch / epochs): linear from 0 to 1 (Bowman 2016).

    A posterior that is pulled to the prior before the decoder can use it stays there; this lets the
    decoder begin.

    Args:
        epochs: epochs until the weight has reached its full value.

    Raises:
        OptionError: ``epochs`` is no whole number of at least 1.
    """

    def __init__(self, *, epochs: int = 30) -> None:
        self.epochs = whole(_WHERE, "epochs", epochs)

    def divergence_weight(self, now: Progress) -> float:
        """The share of the rise that is done."""
        return min(1.0, now.epoch / self.epochs)

    def rising(self, now: Progress) -> bool:
        """Until the full weight is reached."""
        return now.epoch < self.epochs
