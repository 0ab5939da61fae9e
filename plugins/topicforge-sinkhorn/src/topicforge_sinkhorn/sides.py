"""Samples of both sides in one space."""

from __future__ import annotations

from typing import Any

from topicforge.plugin import Samples
from torch import Tensor

from topicforge_sinkhorn.costs import on_sphere


def points_in_z(p: Any, samples: Samples) -> tuple[Tensor, Tensor]:
    """Return z of the posterior and as many draws of the prior, (B, L) each.

    Both are moved by the posterior's mean, which changes no distance and saves digits.
    """
    x, y = samples.z, samples.draws_in_z(p)
    centre = x.detach().mean(0)
    return x - centre, y - centre


def points_on_sphere(p: Any, samples: Samples) -> tuple[Tensor, Tensor]:
    """Return sqrt(theta) of the posterior and of as many draws of the prior, (B, K) each."""
    return on_sphere(samples.log_theta), on_sphere(samples.draws_in_theta(p))
