"""Every kind of thing that a plugin may register.

A new kind is one entry of :data:`KINDS`: its record and its check. The register's method, the
registry's lookup, the report and the reference page follow from the entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Signature, signature
from typing import Any

from topicforge.contracts import (
    Callback,
    Component,
    ComponentSpec,
    Decoder,
    Divergence,
    EmbedderSpec,
    Encoder,
    LabelerSpec,
    Link,
    PresetSpec,
    Prior,
    Regulariser,
    RuleSpec,
)
from topicforge.corpus.reader import CorpusSpec, ReaderSpec
from topicforge.evaluation import MetricSpec
from topicforge.registry.checks import (
    check_component,
    check_corpus,
    check_embedder,
    check_labeler,
    check_metric,
    check_preset,
    check_reader,
    check_rule,
)

#: fields of a record that are not the plugin's to say
_FILLED_IN = {"kind", "distribution", "version"}


@dataclass(frozen=True)
class KindEntry:
    """One kind.

    Args:
        spec: its record, a frozen dataclass ``Spec(name, value, *, ...)`` with the fields
            ``distribution`` and ``version``, which the registry fills in.
        check: ``check(where, spec)`` raises PluginError for a record that breaks the contract.
        base: base class of a component's instances; ``None`` for what is no component.
        plural: heading of its records in :func:`~topicforge.registry.report.report`.
    """

    spec: type[Any]
    check: Callable[[str, Any], None]
    base: type[Any] | None = None
    plural: str = "components"

    @property
    def signature(self) -> Signature:
        """What a plugin passes when it registers one: the record's own arguments."""
        given = signature(self.spec).parameters.values()
        return Signature([p for p in given if p.name not in _FILLED_IN])

    @property
    def takes_context(self) -> bool:
        """Whether a component is built by ``factory(context, **options)``, not ``factory(**options)``."""
        return self.base is not None and issubclass(self.base, Component)


def _component(base: type[Any]) -> KindEntry:
    return KindEntry(ComponentSpec, check_component(base), base)


KINDS: dict[str, KindEntry] = {
    "encoder": _component(Encoder),
    "link": _component(Link),
    "prior": _component(Prior),
    "divergence": _component(Divergence),
    "decoder": _component(Decoder),
    "regulariser": _component(Regulariser),
    "callback": _component(Callback),
    "divergence_rule": KindEntry(RuleSpec, check_rule, plural="rules"),
    "preset": KindEntry(PresetSpec, check_preset, plural="presets"),
    "metric": KindEntry(MetricSpec, check_metric, plural="metrics"),
    "reader": KindEntry(ReaderSpec, check_reader, plural="readers"),
    "corpus": KindEntry(CorpusSpec, check_corpus, plural="corpora"),
    "embedder": KindEntry(EmbedderSpec, check_embedder, plural="embedders"),
    "labeler": KindEntry(LabelerSpec, check_labeler, plural="labelers"),
}
#: the kinds whose records have a name by which they are found
NAMED = tuple(kind for kind, entry in KINDS.items() if entry.spec is not RuleSpec)
