"""The von Mises-Fisher distribution and its KL."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from topicforge.plugin import Distribution, Samples
from torch import Tensor

from topicforge_hyperspherical.angle import draw_angle, log_normaliser, resultant_defect


class VonMisesFisher(Distribution):
    """f(z) = exp(kappa mu'z) / int exp(kappa mu'z) over the unit sphere of R^L, by its area.

    Args:
        direction: mu, (B, L) or (L,), of length one; L >= 2.
        kappa: (B,) or (), >= 0; 0 is the uniform distribution.

    Source: Mardia and Jupp 2000, section 9.3.
    """

    space: ClassVar[Literal["z", "theta"]] = "z"

    def __init__(self, direction: Tensor, kappa: Tensor) -> None:
        self.direction = direction
        self.kappa = kappa

    @property
    def mean(self) -> Tensor:
        """A_L(kappa) mu; shorter than one, so inside the sphere."""
        defect = resultant_defect(self.kappa.double(), self.direction.shape[-1])
        return (1 - defect).to(self.direction.dtype)[..., None] * self.direction

    def rsample(self, n: int | None = None) -> Tensor:
        """Z = cos(a) mu + sin(a) t, t uniform among unit vectors at right angles to mu.

        t is a normal vector without its part along mu, scaled to length one; a's gradient is
        implicit, so the whole gradient is exact (see :class:`~.angle.ImplicitAngle`).
        """
        mu = self.direction if n is None else self.direction.expand(n, *self.direction.shape)
        kappa = self.kappa if n is None else self.kappa.expand(n, *self.kappa.shape)
        angle = draw_angle(kappa.double(), mu.shape[-1])[..., None]
        noise = torch.randn_like(mu)
        tangent = noise - (noise * mu).sum(-1, keepdim=True) * mu
        tangent = tangent / torch.linalg.vector_norm(tangent, dim=-1, keepdim=True)
        return angle.cos().to(mu.dtype) * mu + angle.sin().to(mu.dtype) * tangent

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density by area at unit vectors ``value`` (B, L), shape (B,)."""
        width = self.direction.shape[-1]
        # log area of the sphere of one dimension less
        area = math.log(2) + (width - 1) / 2 * math.log(math.pi) - math.lgamma((width - 1) / 2)
        # kappa (mu'z - 1) on unit vectors, without cancellation
        squared = (value - self.direction).square().sum(-1)
        log_z = log_normaliser(self.kappa.double(), width).to(value.dtype)
        return -self.kappa * squared / 2 - log_z - area


def kl_von_mises_fisher(q: Any, p: Any, samples: Samples) -> Tensor:
    """Return (B,) KL(q || p) = kq A(kq) - kp A(kq) mu_q'mu_p - log Z(kq) + log Z(kp).

    Z is the integral of exp(kappa mu'z). p uniform (kp = 0) is the case of Davidson et al. 2018
    (arXiv:1804.00891), and Xu and Durrett 2018 (arXiv:1808.10805).

    Args:
        q: posterior, batch shape (B,).
        p: prior, without batch shape.
        samples: not used.
    """
    del samples
    width = q.direction.shape[-1]
    kq, kp = q.kappa.double(), p.kappa.double()
    defect = resultant_defect(kq, width)
    cosine = (q.direction.double() * p.direction.double()).sum(-1)
    # both normalisers leave exp(kappa) out
    value = -kq * defect - log_normaliser(kq, width)
    value = value + kp * (1 - (1 - defect) * cosine) + log_normaliser(kp, width)
    return value.to(q.direction.dtype)
