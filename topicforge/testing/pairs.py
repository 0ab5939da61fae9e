"""Posteriors and priors for checks of divergences: of registered and of core types."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from topicforge.contracts import ComponentSpec, Latent, Rule, Samples
from topicforge.distributions import (
    DiagonalNormal,
    Dirichlet,
    Distribution,
    LogisticNormal,
    NormalMixture,
    Point,
)
from topicforge.errors import MixError
from topicforge.registry import build, default_registry, describe
from topicforge.testing.compositions import candidates
from topicforge.testing.specs import title_of
from topicforge.testing.suite import raising_nothing
from topicforge.testing.toys import N_TOPICS, toy_batch, toy_context, toy_theta, toy_z
from topicforge.wiring.composition import Part, default_link, resolve_rule


def samples_of(q: Distribution) -> Samples:
    """Return one sample of q, mapped through softmax."""
    z = q.rsample()
    link = build(default_registry().find("link", "softmax"), {}, toy_context())
    return Samples(z, torch.log_softmax(z, -1), link.to(z.dtype))


def like(p: Distribution, n: int) -> Distribution | None:
    """Return n equal distributions like p as a posterior, or ``None`` where that has no meaning.

    Every tensor of p gets a batch axis of length n; a type whose tensors have axes of their own
    (a mixture's components) does not become a batch so.
    """
    q = p.map_tensors(lambda t: t.detach().expand(n, *t.shape).clone())
    try:
        fits = tuple(q.rsample().shape) == tuple(q.mean.shape) == (n, *p.mean.shape)
    except (RuntimeError, IndexError, TypeError):
        return None
    return q if fits else None


def core_posterior(kind: type[Distribution], n: int = 6) -> Distribution | None:
    """Return n toy documents' posteriors of a core type, or ``None`` for another type."""
    z = toy_z(n, N_TOPICS, torch.float64)
    if kind is DiagonalNormal or kind is LogisticNormal:
        return kind(z, 0.3 * z.flip(0))
    if kind is Dirichlet:
        return Dirichlet(z.exp() + 0.2)
    return Point(z) if kind is Point else None


def core_prior(kind: type[Distribution]) -> Distribution | None:
    """Return a toy prior of a core type, or ``None`` for another type."""
    if kind is NormalMixture:
        z = toy_z(3, N_TOPICS, torch.float64)
        return NormalMixture(z, 0.2 * z, torch.log_softmax(z[:, 0], 0))
    q = core_posterior(kind, 1)
    return None if q is None else q.map_tensors(lambda t: t[0])


def posteriors(distribution: str) -> Iterator[tuple[Latent, Distribution]]:
    """Yield what every registered encoder gives for six toy documents, in float64."""
    for spec in candidates("encoder", distribution):
        torch.manual_seed(0)
        encoder = build(spec, {}, toy_context()).double().eval()
        yield describe(spec, {}), encoder(toy_batch().to("cpu", torch.float64))


def priors(distribution: str) -> Iterator[tuple[Latent, Distribution]]:
    """Yield what every registered prior gives, in float64."""
    for spec in candidates("prior", distribution):
        torch.manual_seed(0)
        prior = build(spec, {}, toy_context()).double().eval()
        yield describe(spec, {}), prior.distribution()


def rule_for(spec: ComponentSpec, q: Latent, p: Latent) -> Rule | None:
    """Return a divergence's rule for a pair under the default link, or ``None`` where it refuses.

    Raises:
        CheckError: it raises something else than MixError, or returns something else than a Rule.
    """
    registry = default_registry()
    pair = f"resolve for ({q.distribution.__name__}, {p.distribution.__name__})"
    must = "it must return a topicforge.plugin.Rule, or raise MixError for a pair that it can't measure"
    with raising_nothing(title_of(spec), pair, must, "decide by the two Latents first"):
        try:
            return resolve_rule(registry, Part(spec, {}), q, p, Part(default_link(registry, q), {}))
        except MixError:
            return None


def far_point(p: Distribution, n: int) -> Point:
    """Return n deterministic latents far from where p has its mass."""
    width = p.mean.shape[-1]
    if p.space == "theta":
        # every document the same inner point: no prior but a spike there looks like that
        return Point(toy_theta(1, width, torch.float64).log().expand(n, width))
    return Point(p.mean + 25 + 0.1 * toy_z(n, width, torch.float64))


def tensors_of(distribution: Distribution) -> dict[str, Tensor]:
    """Return the tensors that a distribution was made from, by attribute, nested ones too."""
    found: dict[str, Tensor] = {}
    for name, value in vars(distribution).items():
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, Distribution):
            found.update({f"{name}.{k}": v for k, v in tensors_of(value).items()})
    return found
