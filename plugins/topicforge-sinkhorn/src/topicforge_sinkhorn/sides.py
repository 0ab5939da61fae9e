"""Samples of both sides in one space, and which sides can be trained through samples."""

from __future__ import annotations

from typing import Any

from topicforge.plugin import MixError, Samples, Sides
from torch import Tensor

from topicforge_sinkhorn.costs import on_sphere


def require_gradients(name: str, sides: Sides) -> None:
    """Refuse sides whose parameters get no gradient through samples.

    Args:
        name: the divergence, for the message.
        sides: types and flags of posterior and prior.

    Raises:
        MixError: the posterior, or a trainable prior, is not reparameterised.
    """
    q, p = sides.posterior, sides.prior
    if not q.reparameterised:
        raise MixError(
            f"{name} trains through samples, but the posterior's {q.distribution.__name__} is not "
            "reparameterised, so the encoder would get no gradient; use kl, or an encoder whose "
            "posterior is reparameterised"
        )
    if p.trainable and not p.reparameterised:
        raise MixError(
            f"{name} trains through samples, but this prior's {p.distribution.__name__} has learned "
            "parameters that its samples carry no gradient to (a mixture's weights); keep them "
            "fixed (gmm: prior__learn='components') or use kl"
        )


def choose_space(name: str, asked: str, sides: Sides) -> str:
    """Return ``z`` or ``theta``: where the two sides are compared.

    Args:
        name: the divergence, for the message.
        asked: ``z``, ``theta`` or ``auto``: z where both sides live there.
        sides: types and flags of posterior and prior.

    Raises:
        MixError: z was asked for and a side lives on the simplex: the link has no way back.
    """
    q, p = sides.posterior.space, sides.prior.space
    both_in_z = q == "z" and p == "z"
    if asked == "auto":
        return "z" if both_in_z else "theta"
    if asked == "z" and not both_in_z:
        raise MixError(
            f"{name} was asked to compare z with z, but the posterior lives in {q} and the prior in "
            f"{p}; compare on the simplex instead, or leave the option out"
        )
    return asked


def points_in_z(p: Any, samples: Samples) -> tuple[Tensor, Tensor]:
    """Return z of the posterior and as many draws of the prior, (B, L) each.

    Both are moved by the posterior's mean, which changes no distance and saves digits.
    """
    x, y = samples.z, p.rsample(samples.z.shape[0])
    centre = x.detach().mean(0)
    return x - centre, y - centre


def points_on_sphere(p: Any, samples: Samples) -> tuple[Tensor, Tensor]:
    """Return sqrt(theta) of the posterior and of as many draws of the prior, (B, K) each."""
    log_p = p.rsample(samples.log_theta.shape[0])
    if p.space == "z":
        log_p = samples.link(log_p)
    return on_sphere(samples.log_theta), on_sphere(log_p)
