"""Names -> specs, with suggestions, and the records of all plugins."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from packaging.utils import canonicalize_name

from topicforge.contracts import KINDS, ComponentSpec, Kind, PresetSpec
from topicforge.errors import PluginError, PluginWarning, UnknownNameError, did_you_mean
from topicforge.evaluation import MetricSpec
from topicforge.registry.discovery import discover
from topicforge.registry.metadata import Declared, EntryPointLike
from topicforge.registry.record import PluginRecord
from topicforge.registry.rule_table import RuleTable
from topicforge.registry.rules import merge_rules
from topicforge.registry.staged import Staged
from topicforge.registry.switches import BUILTIN, STRICT, Switches

Named = ComponentSpec | PresetSpec | MetricSpec
S = TypeVar("S", ComponentSpec, PresetSpec, MetricSpec)


class Registry:
    """Everything that plugins brought.

    Args:
        points: the plugins to load, as entry points or as :func:`installed` found them; they are
            put in order (built-ins first, then by distribution and name).
        switches: what to block and whether a broken plugin is an error.

    Raises:
        PluginError: a plugin is broken and ``switches.strict`` is set, or the built-in one is.
    """

    def __init__(
        self, points: Iterable[EntryPointLike | Declared], switches: Switches | None = None
    ) -> None:
        switches = switches or Switches()
        plugins = [p if isinstance(p, Declared) else Declared.of(p) for p in points]
        plugins.sort(key=lambda plugin: plugin.order)
        self._rules = RuleTable()
        self._components: dict[tuple[Kind, str], list[ComponentSpec]] = {}
        self._presets: dict[str, list[PresetSpec]] = {}
        self._metrics: dict[str, list[MetricSpec]] = {}
        records = [self._commit(record, staged) for record, staged in discover(plugins, switches)]
        self._records = tuple(self._with_notes(record) for record in records)
        self._complain(switches.strict)
        unmatched = switches.unmatched((p.name, p.distribution) for p in plugins)
        if unmatched:
            warnings.warn(unmatched, PluginWarning, stacklevel=2)

    # ---- looking up ---------------------------------------------------------------------

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """What became of each plugin, in the order of loading."""
        return self._records

    @property
    def rules(self) -> RuleTable:
        """The divergence rules of all plugins."""
        return self._rules

    def components(self, kind: Kind) -> list[ComponentSpec]:
        """Return the components of a kind, built-ins first.

        Raises:
            UnknownNameError: no such kind.
        """
        if kind not in KINDS:
            raise UnknownNameError(
                f"a kind must be one of {', '.join(KINDS)}, got {kind!r}.{did_you_mean(kind, KINDS)}"
            )
        return [spec for (k, _), specs in self._components.items() if k == kind for spec in specs]

    def presets(self) -> list[PresetSpec]:
        """Return all presets, built-ins first."""
        return [spec for specs in self._presets.values() for spec in specs]

    def metrics(self) -> list[MetricSpec]:
        """Return all metrics, built-ins first."""
        return [spec for specs in self._metrics.values() for spec in specs]

    def find(self, kind: Kind, name: str) -> ComponentSpec:
        """Return the component called ``name`` or ``distribution:name``.

        Raises:
            UnknownNameError: none, with the nearest names; or several third parties share the
                short name, with their qualified names.
        """
        known: dict[str, list[ComponentSpec]] = {}
        for spec in self.components(kind):
            known.setdefault(spec.name, []).append(spec)
        return self._one(kind, name, known)

    def preset(self, name: str) -> PresetSpec:
        """Return the preset called ``name`` or ``distribution:name``.

        Raises:
            UnknownNameError: see :meth:`find`.
        """
        return self._one("preset", name, self._presets)

    def metric(self, name: str) -> MetricSpec:
        """Return the metric called ``name`` or ``distribution:name``.

        Raises:
            UnknownNameError: see :meth:`find`.
        """
        return self._one("metric", name, self._metrics)

    def _one(self, kind: str, name: str, known: Mapping[str, Sequence[S]]) -> S:
        if not isinstance(name, str):
            raise UnknownNameError(f"{kind}: a name must be a text, got {name!r}")
        package, colon, short = name.rpartition(":")
        found = [
            spec
            for spec in known.get(short, ())
            if not colon or spec.distribution == canonicalize_name(package)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(repr(spec.qualified_name) for spec in found)
            raise UnknownNameError(
                f"{kind} {name!r} is brought by several packages; write one of {listed}"
            )
        specs = [spec for same in known.values() for spec in same]
        names = [spec.qualified_name if colon else spec.name for spec in specs]
        listed = ", ".join(sorted(known)) or "none at all"
        missing = "; ".join(
            f"{r.name} {r.version} ({r.status}: {r.error})"
            for r in self._records
            if r.failed or r.status == "blocked"
        )
        raise UnknownNameError(
            f"no {kind} is called {name!r}.{did_you_mean(name, names)} There are: {listed}."
            + (f" It may belong to a plugin that did not load: {missing}." if missing else "")
        )

    # ---- entering -----------------------------------------------------------------------

    def _commit(self, record: PluginRecord, staged: Staged | None) -> PluginRecord:
        """Enter all of a plugin's registrations, or none and say why."""
        if staged is None:
            return record
        try:
            self._check_clashes(staged)
            rules = merge_rules(self._rules, staged.rules)
        except PluginError as error:
            advice = (
                f"ask the authors of {record.distribution} to change it, or do without: "
                f"pip uninstall {record.distribution}"
            )
            return replace(
                record, status="broken", components=(), rules=0, notes=(), error=str(error),
                advice=advice,
            )  # fmt: skip
        self._rules = rules
        for component in staged.components:
            self._components.setdefault((component.kind, component.name), []).append(component)
        for preset in staged.presets:
            self._presets.setdefault(preset.name, []).append(preset)
        for metric in staged.metrics:
            self._metrics.setdefault(metric.name, []).append(metric)
        return record

    def _check_clashes(self, staged: Staged) -> None:
        """Refuse names of built-ins, and a qualified name that is taken."""
        taken: list[tuple[Named, str, Sequence[Named]]]
        taken = [
            *((c, c.kind, self._components.get((c.kind, c.name), [])) for c in staged.components),
            *((p, "preset", self._presets.get(p.name, [])) for p in staged.presets),
            *((m, "metric", self._metrics.get(m.name, [])) for m in staged.metrics),
        ]
        for spec, what, others in taken:
            for other in others:
                if other.distribution == spec.distribution:
                    raise PluginError(
                        f"{what} {spec.qualified_name!r} is brought by another plugin of "
                        f"{spec.distribution} already"
                    )
                if other.distribution == BUILTIN:
                    raise PluginError(
                        f"{what} {spec.name!r} is the name of a built-in, which can't be taken"
                    )
                ruled = {rule.divergence for rule in (*self._rules, *staged.rules)}
                if what == "divergence" and spec.name in ruled:
                    raise PluginError(
                        f"divergence {spec.name!r} is brought by {other.distribution} too, and rules "
                        "are registered by its short name, which can't tell the two apart"
                    )

    # ---- telling ------------------------------------------------------------------------

    def _with_notes(self, record: PluginRecord) -> PluginRecord:
        """Add what is only known once everybody has loaded."""
        if record.status != "loaded":
            return record
        notes = []
        specs: list[tuple[str, Sequence[Named]]] = [
            *((kind, same) for (kind, _), same in self._components.items()),
            *(("preset", same) for same in self._presets.values()),
            *(("metric", same) for same in self._metrics.values()),
        ]
        for kind, same in specs:
            mine = [s for s in same if f"{kind} {s.qualified_name}" in record.components]
            others = [s.qualified_name for s in same if s not in mine]
            if mine and others:
                notes.append(
                    f"the short name {mine[0].name!r} is shared with {', '.join(others)}; write "
                    f"{mine[0].qualified_name!r}"
                )
        divergences = {spec.name for spec in self.components("divergence")}
        unknown = {
            rule.divergence
            for rule in self._rules
            if rule.distribution == record.distribution and rule.divergence not in divergences
        }
        notes += [
            f"it brings rules for divergence {name!r}, which nobody brings."
            f"{did_you_mean(name, divergences)}"
            for name in sorted(unknown)
        ]
        return replace(record, notes=(*record.notes, *notes))

    def _complain(self, strict: bool) -> None:
        failed = [record for record in self._records if record.failed]
        own = [record for record in failed if record.distribution == BUILTIN]
        if own:
            raise PluginError(
                f"the built-in plugin did not load, so there is no component: {own[0].error}\n"
                f"{own[0].traceback}"
            )
        if not failed:
            return
        listed = "; ".join(f"{r.name} {r.version} ({r.error}; {r.advice})" for r in failed)
        if strict:
            raise PluginError(
                f"{STRICT} is set, and {len(failed)} plugin(s) did not load: {listed}"
            )
        warnings.warn(
            f"{len(failed)} plugin(s) did not load, everything else works: {listed}. "
            "`topicforge plugins` shows them",
            PluginWarning,
            stacklevel=3,
        )
