"""Cyclical annealing: several warm-ups one after the other."""

from __future__ import annotations

from topicforge.contracts import Progress, Regulariser
from topicforge.contracts.options import is_number, whole
from topicforge.errors import OptionError

_WHERE = "regulariser 'cyclical'"


class Cyclical(Regulariser):
    """weight = min(1, tau / share), tau the place within a cycle in [0, 1) (Fu 2019, eq. 6 and 7).

    Training is cut into cycles of equal length; in each the weight rises from 0 to 1 during the
    first ``share`` of it and stays there. Each new rise begins from latents that carry more than the
    last one's.

    Args:
        cycles: number of cycles M over all epochs.
        share: R, the part of a cycle in which the weight rises, in (0, 1].

    Raises:
        OptionError: a value outside its domain.
    """

    def __init__(self, *, cycles: int = 4, share: float = 0.5) -> None:
        self.cycles = whole(_WHERE, "cycles", cycles)
        if not is_number(share) or not 0 < share <= 1:
            raise OptionError(f"{_WHERE}: share must be in (0, 1], got {share!r}")
        self.share = float(share)

    def divergence_weight(self, now: Progress) -> float:
        """The weight at this place of its cycle."""
        length = now.epochs / self.cycles
        if length == 0:
            return 1.0
        return min(1.0, (now.epoch % length) / length / self.share)

    def rising(self, now: Progress) -> bool:
        """Until the last cycle's rise is over."""
        return now.epoch < now.epochs * (self.cycles - 1 + self.share) / self.cycles
