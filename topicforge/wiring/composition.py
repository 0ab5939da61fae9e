"""Do the parts fit? Decided from types and flags, before any data is read, and explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from topicforge.contracts import ComponentSpec, Divergence, Kind, Latent, Pair, Rule
from topicforge.errors import MixError, OptionError, PluginError
from topicforge.registry import Registry, build, check_options, describe

#: the divergence that switches divergences off: it fits everywhere and is no advice
OFF = "none"
PARTS: tuple[Kind, ...] = ("encoder", "link", "prior", "divergence", "decoder")


@dataclass(frozen=True)
class Part:
    """A chosen component and the options it will be built with."""

    spec: ComponentSpec
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Composition:
    """Five parts that fit, and the rule that measures the divergence.

    Args:
        encoder, link, prior, divergence, decoder: the parts.
        posterior: what the encoder declares.
        prior_latent: what the prior declares.
        rule: which estimator runs.
    """

    encoder: Part
    link: Part
    prior: Part
    divergence: Part
    decoder: Part
    posterior: Latent
    prior_latent: Latent
    rule: Rule

    @property
    def parts(self) -> dict[Kind, Part]:
        """The five parts by kind."""
        return {kind: getattr(self, kind) for kind in PARTS}

    @property
    def estimator(self) -> str:
        """How the divergence is measured, such as ``closed form: KL(q || p)``."""
        return f"{self.rule.exactness}: {self.rule.summary}"


def compose(
    registry: Registry,
    chosen: Mapping[str, Any],
    options: Mapping[str, Mapping[str, Any]],
) -> Composition:
    """Find the five parts and decide how the divergence is measured.

    Args:
        registry: where names are looked up.
        chosen: kind -> name, component class or :class:`ComponentSpec`; ``link`` may be ``None``,
            then it follows from the posterior's space.
        options: kind -> options of that part.

    Raises:
        UnknownNameError: no such component or option.
        MixError: the parts do not fit; the message says why and what works instead.
    """
    parts: dict[Kind, Part] = {
        kind: _part(registry, kind, chosen[kind], options.get(kind, {}))
        for kind in PARTS
        if kind != "link"
    }
    posterior = describe(parts["encoder"].spec, parts["encoder"].options)
    prior = describe(parts["prior"].spec, parts["prior"].options)
    choice = chosen.get("link") or default_link(registry, posterior)
    link = _part(registry, "link", choice, options.get("link", {}))
    accepts = getattr(link.spec.factory, "accepts", "z")
    if accepts != posterior.space:
        raise MixError(
            f"link {link.spec.name!r} takes posteriors in {accepts}, but encoder "
            f"{parts['encoder'].spec.name!r} gives {posterior.distribution.__name__} in "
            f"{posterior.space}; leave the link out and it follows from the encoder"
        )
    try:
        rule = resolve_rule(registry, parts["divergence"], posterior, prior, link)
    except MixError as error:
        raise MixError(_impossible(registry, parts, posterior, prior, link, str(error))) from error
    return Composition(
        parts["encoder"], link, parts["prior"], parts["divergence"], parts["decoder"],
        posterior, prior, rule,
    )  # fmt: skip


def fit_table(registry: Registry) -> list[dict[str, str]]:
    """Return a row for every (encoder, prior): what each divergence does with default options.

    ``topicforge explain`` and the README's table come from here.
    """
    rows = []
    for encoder in registry.specs("encoder"):
        posterior = describe(encoder, {})
        link = Part(default_link(registry, posterior), {})
        for prior in registry.specs("prior"):
            row = {"encoder": encoder.name, "posterior": posterior.distribution.__name__}
            row["prior"] = prior.name
            for divergence in registry.specs("divergence"):
                if divergence.name == OFF:
                    continue
                part = Part(divergence, {})
                try:
                    rule = resolve_rule(registry, part, posterior, describe(prior, {}), link)
                    row[divergence.name] = f"{rule.exactness} in {rule.space}"
                except MixError:
                    row[divergence.name] = "impossible"
                except Exception as error:  # a third party's divergence, which stops nobody else
                    row[divergence.name] = f"fails with {type(error).__name__}"
            rows.append(row)
    return rows


def _part(registry: Registry, kind: Kind, choice: Any, options: Mapping[str, Any]) -> Part:
    if isinstance(choice, ComponentSpec):
        spec = choice
        if spec.kind != kind:
            raise OptionError(f"{kind} must be a {kind}, got the {spec.kind} {spec.name!r}")
    elif isinstance(choice, str):
        spec = registry.find(kind, choice)
    elif callable(choice):
        name = getattr(choice, "__name__", repr(choice))
        summary = "a component handed in as an object"
        spec = ComponentSpec(name, choice, kind=kind, summary=summary, source="its author")
    else:
        raise OptionError(
            f"{kind} must be a name, a component class or a ComponentSpec, got {choice!r}"
        )
    check_options(spec, options, where=f"{kind} {spec.name!r}")
    return Part(spec, dict(options))


def default_link(registry: Registry, posterior: Latent) -> ComponentSpec:
    """Return the first link that takes the posterior's space; built-ins come first.

    Raises:
        MixError: no link does.
    """
    for link in registry.specs("link"):
        if getattr(link.factory, "accepts", "z") == posterior.space:
            return link
    raise MixError(f"no link is installed that takes posteriors in {posterior.space}")


def resolve_rule(
    registry: Registry, divergence: Part, posterior: Latent, prior: Latent, link: Part
) -> Rule:
    """Return the rule by which a divergence measures a pair.

    Raises:
        MixError: the divergence refuses the pair.
        PluginError: it returned something else than a rule.
    """
    built: Divergence = build(divergence.spec, divergence.options)
    pair = Pair(
        posterior,
        prior,
        bool(getattr(link.spec.factory, "softmax", False)),
        lambda q, p: registry.rules.lookup(divergence.spec.name, q, p),
    )
    rule: object = built.resolve(pair)
    if not isinstance(rule, Rule):
        raise PluginError(
            f"divergence {divergence.spec.qualified_name!r}: resolve must return a "
            f"topicforge.plugin.Rule or raise MixError, got {rule!r}"
        )
    return rule


def _resolves(
    registry: Registry, divergence: Part, posterior: Latent, prior: Latent, link: Part
) -> bool:
    """Whether a divergence serves a pair; one that fails otherwise is no advice either."""
    try:
        resolve_rule(registry, divergence, posterior, prior, link)
    except Exception:
        return False
    return True


def _impossible(
    registry: Registry,
    parts: Mapping[Kind, Part],
    posterior: Latent,
    prior: Latent,
    link: Part,
    why: str,
) -> str:
    """Say what does not fit, why, what works instead and how to add a rule."""
    works = []
    for other in registry.specs("divergence"):
        if other.name == OFF:
            continue
        if not _resolves(registry, Part(other, {}), posterior, prior, link):
            continue
        works.append(f"divergence={other.name!r}")
    for encoder in registry.specs("encoder"):
        latent = describe(encoder, {})
        default = Part(default_link(registry, latent), {})
        if not _resolves(registry, parts["divergence"], latent, prior, default):
            continue
        works.append(f"encoder={encoder.name!r}")
    q, p = posterior.distribution.__name__, prior.distribution.__name__
    return (
        f"encoder {parts['encoder'].spec.name!r} ({q} in {posterior.space}), prior "
        f"{parts['prior'].spec.name!r} ({p} in {prior.space}) and divergence "
        f"{parts['divergence'].spec.name!r} do not fit: {why}. "
        + (f"Works instead, the rest unchanged: {', '.join(works)}. " if works else "")
        + f"To add a rule for ({q}, {p}), a plugin calls register.divergence_rule(...)."
    )
