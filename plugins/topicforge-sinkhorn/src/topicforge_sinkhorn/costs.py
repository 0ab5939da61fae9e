"""Transport costs between two sets of points; all are squared distances."""

from __future__ import annotations

import torch
from torch import Tensor

#: below this the arc is taken from its series, whose next term is under 1e-13 there
_SMALL = 1e-2


def squared_euclidean(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2.

    Args:
        x: (..., n, L), of moderate size: rounding grows with |x|^2, so move both sides first.
        y: (..., m, L).

    Returns:
        (..., n, m), never negative.
    """
    squared = x.square().sum(-1).unsqueeze(-1) + y.square().sum(-1).unsqueeze(-2)
    return (squared - 2 * x @ y.transpose(-1, -2)).clamp_min(0)


def squared_arc(x: Tensor, y: Tensor) -> Tensor:
    """arccos(x_i . y_j)^2 on the unit sphere, from the chord s = |x_i - y_j|^2.

    The arc is 2 arcsin(sqrt(s) / 2). Near s = 0 its square is s + s^2/12 + s^3/90 + s^4/560 + ...,
    a smooth function, while the derivative of the arccos is infinite.

    Args:
        x: (..., n, K) unit vectors with x_i . y_j >= 0.
        y: (..., m, K) likewise.

    Returns:
        (..., n, m), at most (pi / 2)^2.
    """
    s = squared_euclidean(x, y)
    near = s < _SMALL
    series = s * (1 + s * (1 / 12 + s * (1 / 90 + s / 560)))
    far = 2 * torch.asin((torch.where(near, _SMALL, s).clamp_max(2.0)).sqrt() / 2)
    return torch.where(near, series, far.square())


def on_sphere(log_theta: Tensor) -> Tensor:
    """sqrt(theta), a point of the unit sphere's positive part.

    Euclidean distance there is the Hellinger distance of the two distributions (times sqrt 2), arc
    length is half the Fisher-Rao geodesic.

    Args:
        log_theta: (..., K) logarithm of a point on the simplex.

    Returns:
        (..., K).
    """
    return (log_theta / 2).exp()
