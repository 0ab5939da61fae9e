"""A decoder's bias started at the background word frequencies."""

from __future__ import annotations

import torch
from torch import Tensor


def start_at_log_frequency(bias: Tensor, frequency: Tensor | None) -> None:
    """b_v = log f_v, so that topics need only hold what they add to the background.

    Args:
        bias: (V,) set in place.
        frequency: (V,) corpus share of every word; a word that never occurs counts as often as the
            rarest one that does. ``None`` (a saved model is opened) leaves ``bias`` as it is.
    """
    if frequency is None:
        return
    floor = frequency[frequency > 0].min()
    with torch.no_grad():
        bias.copy_(frequency.clamp_min(floor).log())
