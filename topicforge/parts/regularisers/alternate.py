"""Decoder and encoder in turns."""

from __future__ import annotations

from topicforge.contracts import Progress, Regulariser
from topicforge.contracts.options import whole

_WHERE = "regulariser 'alternate'"


class Alternate(Regulariser):
    """Train the decoder for some epochs, then encoder and link, and so on (NVDM-GSM's published code).

    The link belongs to inference: its weights (W in Zhang, survey, eq. 7) are among the encoder's there. The
    prior moves in every epoch.

    Args:
        epochs: epochs per turn.

    Raises:
        OptionError: ``epochs`` is no whole number of at least 1.
    """

    def __init__(self, *, epochs: int = 10) -> None:
        self.epochs = whole(_WHERE, "epochs", epochs)

    def trains(self, part: str, now: Progress) -> bool:
        """The decoder's turn first."""
        decoder_turn = (int(now.epoch) // self.epochs) % 2 == 0
        return part == "prior" or (part == "decoder") == decoder_turn
