"""Integrals of densities of one and two dimensions, with tails and peaks of any kind."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]


def stretched(limit: float, n: int) -> tuple[Tensor, Tensor]:
    """Return n points x = sinh(u) and their weights dx, u even on [-limit, limit].

    The trapezoidal rule in u has fine steps at 0 and reaches to sinh(limit), so that peaked and
    heavy-tailed densities are integrated by one grid (Takahasi and Mori 1974, section 2).
    """
    u = torch.linspace(-limit, limit, n, dtype=torch.float64)
    weight = u.cosh() * (2 * limit / (n - 1))
    weight[[0, -1]] /= 2
    return u.sinh(), weight


def integral_z(log_prob: LogDensity, centre: Tensor, scale: Tensor) -> float:
    """Return the integral of exp(log_prob) over R^1 or R^2.

    Args:
        log_prob: (n, L) -> (n,), float64.
        centre: (L,) where the mass is.
        scale: (L,) how wide it is.
    """
    if centre.numel() == 1:
        x, weight = stretched(16.0, 40_001)
        value = log_prob(centre + scale * x[:, None]).exp()
        return float((value * weight).sum() * scale[0])
    x, weight = stretched(7.0, 801)
    total = 0.0
    for i in range(0, len(x), 89):
        block = slice(i, i + 89)
        first, second = torch.meshgrid(x[block], x, indexing="ij")
        points = centre + scale * torch.stack([first.flatten(), second.flatten()], -1)
        value = log_prob(points).exp().view(first.shape)
        total += float((value * weight[block, None] * weight).sum())
    return total * float(scale.prod())


def integral_simplex(log_prob: LogDensity, n_topics: int) -> float:
    """Return the integral of exp(log_prob) over the simplex of two or three parts.

    With theta = softmax(u_1, ..., u_{K-1}, 0) the volume element is prod_k theta_k du (Aitchison
    and Shen 1980), which keeps log theta exact at the edges.

    Args:
        log_prob: log theta (n, K) -> (n,) log density in theta, float64.
        n_topics: K, 2 or 3.
    """

    def value(u: Tensor) -> Tensor:
        log_theta = torch.log_softmax(torch.cat([u, torch.zeros_like(u[:, :1])], -1), -1)
        return (log_prob(log_theta) + log_theta.sum(-1)).exp()

    if n_topics == 2:
        x, weight = stretched(8.0, 40_001)
        return float((value(x[:, None]) * weight).sum())
    # polar coordinates: the edges' kinks are rays from the origin, which no step then crosses badly
    radius, weight = stretched(8.0, 1_001)
    radius, weight = radius[500:], weight[500:].clone()
    weight[0] /= 2
    angle = torch.linspace(0, 2 * torch.pi, 1_441, dtype=torch.float64)[:-1]
    ray = torch.stack([angle.cos(), angle.sin()], -1)
    total = 0.0
    for i in range(0, len(radius), 50):
        r = radius[i : i + 50]
        points = (r[:, None, None] * ray).reshape(-1, 2)
        values = value(points).view(len(r), -1)
        total += float((values.sum(-1) * r * weight[i : i + 50]).sum())
    return total * 2 * torch.pi / len(angle)


def integral_sphere(log_prob: LogDensity, width: int, radius: float) -> float:
    """Return the integral of exp(log_prob) over the circle or the sphere of that radius.

    Args:
        log_prob: (n, L) -> (n,) log density by arc length or area, float64.
        width: L, 2 or 3.
        radius: of the sphere.
    """
    angle = torch.linspace(0, 2 * torch.pi, 2_001, dtype=torch.float64)[:-1]
    circle = torch.stack([angle.cos(), angle.sin()], -1)
    step = 2 * torch.pi / len(angle)
    if width == 2:
        return float(log_prob(radius * circle).exp().sum() * radius * step)
    # Archimedes: area is even in height
    height = (torch.arange(500, dtype=torch.float64) + 0.5) / 250 - 1
    ring = (1 - height.square()).sqrt()
    points = torch.cat(
        [ring[:, None, None] * circle, height[:, None, None].expand(500, len(circle), 1)], -1
    )
    value = log_prob(radius * points.reshape(-1, 3)).exp()
    return float(value.sum() * radius**2 * step / 250)
