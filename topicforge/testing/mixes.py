"""Partners for a component: which registered parts it can train with, found by trying."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from topicforge.contracts import ComponentSpec, Kind
from topicforge.errors import MixError
from topicforge.estimator.topic_model import TopicModel
from topicforge.registry import default_registry
from topicforge.registry.policy import BUILTIN
from topicforge.testing.failure import CheckError
from topicforge.testing.subject import WithOptions, title_of
from topicforge.testing.toys import N_TOPICS, toy_counts, toy_features
from topicforge.wiring.composition import OFF, PARTS, compose


def candidates(kind: Kind, distribution: str) -> list[ComponentSpec]:
    """Return the components of a kind: the package's own first, the built-ins, then all others."""

    def order(spec: ComponentSpec) -> tuple[bool, bool, bool]:
        return spec.name == OFF, spec.distribution != distribution, spec.distribution != BUILTIN

    return sorted(default_registry().specs(kind), key=order)


def partners(spec: ComponentSpec) -> dict[Kind, ComponentSpec]:
    """Return five parts that fit, ``spec`` among them (for a callback: the defaults' parts).

    Raises:
        CheckError: nothing that is installed fits; the last refusal is quoted.
    """
    refusal = "no parts are registered"
    for chosen in _choices(spec):
        try:
            composition = compose(default_registry(), chosen, {})
        except MixError as error:
            refusal = str(error)
            continue
        return {kind: part.spec for kind, part in composition.parts.items()}
    raise CheckError(
        f"{title_of(spec)}: no registered part fits it (the last refusal: {refusal}), but a component "
        "must train in some mix. To mend it: register a partner in the same package, or a divergence "
        "rule for its distribution."
    )


def _choices(spec: ComponentSpec) -> Iterator[dict[str, Any]]:
    lists: list[list[Any]] = []
    for kind in PARTS:
        if kind == spec.kind:
            lists.append([spec])
        elif kind == "link":
            own = [s for s in candidates("link", spec.distribution) if s.distribution != BUILTIN]
            lists.append([None, *own])
        elif kind == "decoder":
            lists.append([default_registry().find("decoder", "mixture")])
        else:
            lists.append(candidates(kind, spec.distribution))
    for chosen in itertools.product(*lists):
        yield dict(zip(PARTS, chosen, strict=True))


def reads_features(parts: dict[Kind, ComponentSpec]) -> bool:
    """Return whether the mix's encoder reads features beside the counts."""
    return bool(getattr(parts["encoder"].factory, "reads_features", False))


def toy_model(parts: dict[Kind, ComponentSpec], **settings: Any) -> TopicModel:
    """Return a TopicModel of these parts, two epochs on four topics.

    Args:
        parts: by kind.
        **settings: further parameters of TopicModel.
    """
    given: dict[str, Any] = {"n_topics": N_TOPICS, "epochs": 2, "batch_size": 16, "device": "cpu"}
    for kind, spec in parts.items():
        factory = spec.factory
        if isinstance(factory, WithOptions):
            given.update({f"{kind}__{name}": value for name, value in factory.options.items()})
            spec = replace(spec, factory=factory.factory)
        given[kind] = spec
    return TopicModel(**{**given, **settings})


def toy_fit(parts: dict[Kind, ComponentSpec], **settings: Any) -> TopicModel:
    """Return that model fitted to the toy documents (and features, where they are read)."""
    features = toy_features() if reads_features(parts) else None
    return toy_model(parts, **settings).fit(toy_counts(), features=features)
