"""The angle between a von Mises-Fisher draw and its mean direction: normaliser, moment, gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

_NODES, _WEIGHTS = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(128))
#: how many standard deviations of the angle an integral reaches; the rest is below exp(-49)
_REACH = 14.0


def _log_density(angle: Tensor, kappa: Tensor, width: int) -> Tensor:
    """Return (L - 2) log sin(angle) - 2 kappa sin^2(angle / 2), without its normaliser."""
    value = -2 * kappa * (angle / 2).sin().square()
    if width > 2:
        value = value + (width - 2) * angle.sin().clamp_min(1e-300).log()
    return value


def _peak(kappa: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return the angle of the largest density, and how wide the density is around it."""
    root = ((width - 2) ** 2 + 4 * kappa.square()).sqrt()
    cosine = 2 * kappa / (width - 2 + root).clamp_min(1e-300)
    # the peak's sin^2 is (L - 2) cos / kappa; as 2 (L - 2) / (L - 2 + root) it holds at kappa = 0
    sine = (2 * (width - 2) / (width - 2 + root).clamp_min(1e-300)).sqrt()
    return torch.atan2(sine, cosine), (kappa * cosine + (width - 2 + root) / 2).rsqrt()


def _integrals(kappa: Tensor, width: int) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        peak, spread = _peak(kappa, width)
        low = (peak - _REACH * spread).clamp_min(0)
        high = (peak + _REACH * spread).clamp_max(torch.pi)
    half = ((high - low) / 2)[..., None]
    angle = low[..., None] + half * (1 + _NODES.to(kappa.device))
    log_value = (
        _log_density(angle, kappa[..., None], width) + (half * _WEIGHTS.to(kappa.device)).log()
    )
    log_z = log_value.logsumexp(-1)
    defect = ((log_value - log_z[..., None]).exp() * 2 * (angle / 2).sin().square()).sum(-1)
    return log_z, defect


def log_normaliser(kappa: Tensor, width: int) -> Tensor:
    """Return log Z = log int_0^pi sin^(L-2)(a) exp(kappa (cos a - 1)) da.

        Z = sqrt(pi) Gamma((L-1)/2) (2/kappa)^(L/2-1) I_(L/2-1)(kappa) exp(-kappa)

    By Gauss-Legendre quadrature around the peak, which neither overflows nor underflows where the
    Bessel function does; differentiable in kappa.

    Args:
        kappa: (...) float64, >= 0.
        width: L >= 2.

    Source: Abramowitz and Stegun 1964, eq. 9.6.18.
    """
    return _integrals(kappa, width)[0]


def resultant_defect(kappa: Tensor, width: int) -> Tensor:
    """Return 1 - A_L(kappa) = E[1 - cos a], A_L = I_(L/2)(kappa) / I_(L/2-1)(kappa).

    Args:
        kappa: (...) float64, >= 0.
        width: L >= 2.

    Source: Mardia and Jupp 2000, section 9.3.
    """
    return _integrals(kappa, width)[1]


class ImplicitAngle(torch.autograd.Function):
    """The drawn angle, with da/dkappa = -(dF/dkappa)(a) / f(a), F the distribution function.

    dF/dkappa (a) = int_0^a (cos u - A) f(u) du, and minus the integral from a to pi: the side away
    from the peak is taken, where nothing cancels. Exact up to quadrature; a rejection sampler's
    accepted noise would need a correction (Naesseth et al. 2017).

    Source: Figurnov et al. 2018 (arXiv:1805.08498), eq. 5.
    """

    @staticmethod
    def forward(ctx: Any, angle: Tensor, kappa: Tensor, width: int) -> Tensor:
        """Return the angle as it is."""
        ctx.save_for_backward(angle, kappa)
        ctx.width = width
        return angle.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        """Return the gradient to kappa."""
        angle, kappa = ctx.saved_tensors
        width = ctx.width
        peak, spread = _peak(kappa, width)
        below = angle < peak
        low = torch.where(below, (angle - _REACH * spread).clamp_min(0), angle)
        high = torch.where(below, angle, (angle + _REACH * spread).clamp_max(torch.pi))
        half = ((high - low) / 2)[..., None]
        u = low[..., None] + half * (1 + _NODES.to(kappa.device))
        at = _log_density(angle, kappa, width)[..., None]
        ratio = (_log_density(u, kappa[..., None], width) - at).exp()
        # cos u - A = (1 - A) - (1 - cos u)
        centred = resultant_defect(kappa, width)[..., None] - 2 * (u / 2).sin().square()
        integral = (half * _WEIGHTS.to(kappa.device) * ratio * centred).sum(-1)
        return None, gradients[0] * torch.where(below, -integral, integral), None


def draw_angle(kappa: Tensor, width: int) -> Tensor:
    """Draw the angle to the mean direction, by rejection from a transformed Beta.

    Args:
        kappa: (...) float64, >= 0.
        width: L >= 2.

    Source: Wood 1994, algorithm VM*.
    """
    with torch.no_grad():
        angle = _reject(kappa.detach(), width)
    result: Tensor = ImplicitAngle.apply(angle, kappa, width)
    return result


def _reject(kappa: Tensor, width: int) -> Tensor:
    shape = torch.tensor((width - 1) / 2, dtype=kappa.dtype, device=kappa.device)
    beta = torch.distributions.Beta(shape, shape)
    flat = kappa.reshape(-1)
    b = (width - 1) / (2 * flat + (4 * flat.square() + (width - 1) ** 2).sqrt())
    x0 = (1 - b) / (1 + b)
    top = flat * x0 + (width - 1) * torch.log1p(-x0.square())
    # a kappa that is no number accepts nothing: its angle stays NaN, for training to report
    out = torch.full_like(flat, torch.nan)
    left = flat.isfinite().nonzero().squeeze(-1)
    while left.numel():
        y = beta.sample(left.shape)
        bb = b[left]
        # 1 - w without cancellation: w = (1 - (1 + b) y) / (1 - (1 - b) y)
        defect = 2 * bb * y / (1 - (1 - bb) * y)
        score = flat[left] * (1 - defect) + (width - 1) * torch.log1p(-x0[left] * (1 - defect))
        accept = score - top[left] >= torch.rand_like(y).log()
        out[left[accept]] = 2 * (defect[accept] / 2).clamp(0, 1).sqrt().asin()
        left = left[~accept]
    return out.reshape(kappa.shape)
