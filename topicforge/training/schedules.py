"""Learning rate as a function of the epoch."""

from __future__ import annotations

import math

from topicforge.training.options import TrainingOptions


def learning_rate(options: TrainingOptions, epoch: float, base: float) -> float:
    """Learning rate at ``epoch`` (0 at the first step), starting from ``base``."""
    if options.learning_rate_schedule == "step":
        return float(
            base * options.learning_rate_factor ** (int(epoch) // options.learning_rate_every)
        )
    if options.learning_rate_schedule == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * min(1.0, epoch / max(options.epochs, 1))))
    return base
