"""Decoder and encoder in turns."""

from __future__ import annotations

from topicforge.contracts import Dynamics
from topicforge.options import whole

_WHERE = "dynamics 'alternate'"


class Alternate(Dynamics):
    """Train the decoder for some epochs, then the encoder, and so on (NVDM-GSM's published code).

    Prior and link move in every epoch.

    Args:
        epochs: length of a turn.

    Raises:
        OptionError: ``epochs`` is no whole number of at least 1.
    """

    def __init__(self, *, epochs: int = 10) -> None:
        self.epochs = whole(_WHERE, "epochs", epochs)

    def trains(self, part: str, epoch: int) -> bool:
        """The decoder's turn first."""
        turn = "decoder" if (epoch // self.epochs) % 2 == 0 else "encoder"
        return part not in ("encoder", "decoder") or part == turn
