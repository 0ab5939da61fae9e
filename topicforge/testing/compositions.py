"""Partners for a component: registered parts that it can train with, found by trying."""

from __future__ import annotations

import itertools
from typing import Any

from topicforge.contracts import ComponentSpec, Kind
from topicforge.errors import MixError, TopicForgeError
from topicforge.estimator.topic_model import TopicModel
from topicforge.registry import default_registry
from topicforge.testing.specs import title_of
from topicforge.testing.suite import CheckError
from topicforge.testing.toys import N_TOPICS, toy_counts, toy_features
from topicforge.wiring.composition import OFF, PARTS, Composition, compose


def candidates(kind: Kind, distribution: str) -> list[ComponentSpec]:
    """Return the components of a kind: the package's own first, then the built-ins."""

    def order(spec: ComponentSpec) -> tuple[bool, bool]:
        return spec.name == OFF, spec.distribution != distribution

    return sorted(default_registry().specs(kind), key=order)


def partners(spec: ComponentSpec) -> Composition:
    """Return five parts that fit, ``spec`` among them.

    Raises:
        CheckError: nothing fits; the last refusal is quoted.
    """
    refusal = ""
    choices: list[list[Any]] = []
    for kind in PARTS:
        if kind == spec.kind:
            choices.append([spec])
        elif kind == "decoder":
            choices.append([default_registry().find("decoder", "mixture")])
        elif kind == "link":
            own = candidates("link", spec.distribution)
            choices.append([None, *(s for s in own if s.distribution == spec.distribution)])
        else:
            choices.append(candidates(kind, spec.distribution))
    for chosen in itertools.product(*choices):
        try:
            return compose(default_registry(), dict(zip(PARTS, chosen, strict=True)), {})
        except MixError as error:
            refusal = str(error)
        except TopicForgeError as error:
            raise CheckError(f"{error}. To correct it: see the contract of its kind.") from error
    raise CheckError(
        f"{title_of(spec)}: no part of its package or of topicforge fits it (the last refusal: "
        f"{refusal}), but a component must train in some composition. To correct it: register a partner in "
        "the same package, or a divergence rule for its distribution."
    )


def toy_fit(composition: Composition, **settings: Any) -> TopicModel:
    """Return a TopicModel of these parts on four topics, fitted to the toy documents.

    Args:
        composition: the parts.
        **settings: further parameters of TopicModel.
    """
    parts: dict[str, Any] = {kind: part.spec for kind, part in composition.parts.items()}
    model = TopicModel(n_topics=N_TOPICS, batch_size=16, device="cpu", **parts, **settings)
    return model.fit(toy_counts(), features=features_for(composition))


def features_for(composition: Composition) -> Any:
    """Return the toy features where the composition's encoder reads features, else ``None``."""
    reads = getattr(composition.encoder.spec.factory, "reads_features", False)
    return toy_features() if reads else None
