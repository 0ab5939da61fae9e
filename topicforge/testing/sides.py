"""Two sides of a divergence for checks: posteriors and priors of registered and of core types."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from topicforge.contracts import (
    ComponentSpec,
    Context,
    Divergence,
    Latent,
    Link,
    Rule,
    Samples,
    Sides,
)
from topicforge.distributions import (
    DiagonalNormal,
    Dirichlet,
    Distribution,
    LogisticNormal,
    NormalMixture,
    Point,
)
from topicforge.errors import MixError
from topicforge.registry import default_registry
from topicforge.testing.failure import CheckError
from topicforge.testing.mixes import candidates
from topicforge.testing.subject import build, describe, title_of
from topicforge.testing.toys import N_TOPICS, toy_batch, toy_context, toy_theta, toy_z


def softmax_link() -> Link:
    """Return the link theta = softmax(z), in which theta's logarithm is a latent too."""
    link: Link = build(default_registry().find("link", "softmax"), toy_context())
    return link


def samples_of(q: Distribution) -> Samples:
    """Return one sample of q, sent through softmax."""
    z = q.rsample()
    return Samples(z, torch.log_softmax(z, -1), softmax_link().to(z.dtype))


def like(p: Distribution, n: int) -> Distribution | None:
    """Return n equal distributions like p as a posterior, or ``None`` where its shapes say nothing.

    Every tensor of p gets a batch axis of length n; a type whose tensors have axes of their own
    (a mixture's components) does not become a batch so.
    """
    q = copy.copy(p)
    for name, value in vars(p).items():
        if isinstance(value, Tensor):
            setattr(q, name, value.detach().expand(n, *value.shape).clone())
        elif isinstance(value, Distribution):
            inner = like(value, n)
            if inner is None:
                return None
            setattr(q, name, inner)
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
    z = toy_z(3, N_TOPICS, torch.float64)
    if kind is NormalMixture:
        return NormalMixture(z, 0.2 * z, torch.log_softmax(z[:, 0], 0))
    q = core_posterior(kind, 1)
    return None if q is None else _first(q)


def _first(q: Distribution) -> Distribution:
    """The first document's distribution, without batch shape."""
    p = copy.copy(q)
    for name, value in vars(q).items():
        if isinstance(value, Tensor):
            setattr(p, name, value[0])
        elif isinstance(value, Distribution):
            setattr(p, name, _first(value))
    return p


def posteriors(distribution: str) -> Iterator[tuple[ComponentSpec, Latent, Distribution]]:
    """Yield what every registered encoder gives for six toy documents, in float64."""
    for spec in candidates("encoder", distribution):
        latent = describe(spec)
        torch.manual_seed(0)
        encoder = build(spec, _context()).double().eval()
        yield spec, latent, encoder(toy_batch().to("cpu", torch.float64))


def priors(distribution: str) -> Iterator[tuple[ComponentSpec, Latent, Distribution]]:
    """Yield what every registered prior gives, in float64."""
    for spec in candidates("prior", distribution):
        latent = describe(spec)
        torch.manual_seed(0)
        yield spec, latent, build(spec, _context()).double().eval().distribution()


def _context() -> Context:
    return toy_context()


def resolve(spec: ComponentSpec, built: Divergence, q: Latent, p: Latent) -> Rule | None:
    """Return the rule of a pair under theta = softmax(z), or ``None`` where it is refused.

    Raises:
        CheckError: something else than MixError was raised, or something else than a Rule returned.
    """
    table = default_registry().rules
    sides = Sides(q, p, q.space == "z", lambda a, b: table.lookup(spec.name, a, b))
    pair = f"({q.distribution.__name__}, {p.distribution.__name__})"
    try:
        rule: object = built.resolve(sides)
    except MixError:
        return None
    except Exception as error:
        raise CheckError(
            f"{title_of(spec)}: resolve for {pair} raised {type(error).__name__}: {error}, but a pair "
            "it can't serve must raise topicforge.plugin.MixError. To mend it: look at the two "
            "Latents before anything else."
        ) from error
    if not isinstance(rule, Rule):
        raise CheckError(
            f"{title_of(spec)}: resolve for {pair} gave {rule!r}, but must give a "
            "topicforge.plugin.Rule or raise MixError. To mend it: return the Rule."
        )
    return rule


def far_point(p: Distribution, n: int) -> Point:
    """Return n deterministic latents far from where p has its mass."""
    width = p.mean.shape[-1]
    if p.space == "theta":
        # every document the same inner point: no prior but a spike there looks like that
        return Point(toy_theta(1, width, torch.float64).log().expand(n, width))
    return Point(p.mean + 25 + 0.1 * toy_z(n, width, torch.float64))
