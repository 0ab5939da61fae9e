"""Names -> records of what plugins registered, with suggestions, and what became of each plugin."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, overload

from packaging.utils import canonicalize_name

from topicforge.contracts import ComponentSpec, Kind, RuleSpec
from topicforge.errors import PluginError, PluginWarning, UnknownNameError, did_you_mean
from topicforge.registry.discovery import discover
from topicforge.registry.kinds import NAMED
from topicforge.registry.metadata import Declared, EntryPointLike
from topicforge.registry.policy import BUILTIN, STRICT, PluginPolicy
from topicforge.registry.record import PluginRecord
from topicforge.registry.register import Register
from topicforge.registry.rule_table import RuleTable


class Registry:
    """Everything that plugins registered.

    Args:
        points: the plugins to load, as entry points or as :func:`installed` found them; they are
            loaded in order: built-ins first, then by distribution and name.
        policy: which of them to load, and whether a broken one is an error.

    Attributes:
        records: what became of each plugin, in the order of loading.
        rules: the divergence rules of all plugins.

    Raises:
        PluginError: a plugin is broken and ``policy.strict`` is set, or the built-in one is.
    """

    def __init__(
        self, points: Iterable[EntryPointLike | Declared], policy: PluginPolicy | None = None
    ) -> None:
        policy = policy or PluginPolicy()
        plugins = [p if isinstance(p, Declared) else Declared.of(p) for p in points]
        plugins.sort(key=lambda plugin: plugin.order)
        self.rules = RuleTable()
        #: kind -> short name -> records, one per distribution
        self._named: dict[str, dict[str, list[Any]]] = {kind: {} for kind in NAMED}
        records = [self._commit(record, register) for record, register in discover(plugins, policy)]
        self.records = tuple(self._with_notes(record, records) for record in records)
        self._warn(policy.strict)
        unmatched = policy.unmatched((p.name, p.distribution) for p in plugins)
        if unmatched:
            warnings.warn(unmatched, PluginWarning, stacklevel=2)

    # ---- looking up ---------------------------------------------------------------------

    @overload
    def specs(self, kind: Kind) -> list[ComponentSpec]: ...
    @overload
    def specs(self, kind: str) -> list[Any]: ...
    def specs(self, kind: str) -> list[Any]:
        """Return the records of a kind, built-ins first.

        Args:
            kind: a kind of component, ``preset`` or ``metric``.

        Raises:
            UnknownNameError: no such kind.
        """
        return [spec for same in self._of(kind).values() for spec in same]

    @overload
    def find(self, kind: Kind, name: str) -> ComponentSpec: ...
    @overload
    def find(self, kind: str, name: str) -> Any: ...
    def find(self, kind: str, name: str) -> Any:
        """Return the record of a kind called ``name`` or ``distribution:name``.

        Raises:
            UnknownNameError: none, with the nearest names; or several third parties share the
                short name, with their qualified names.
        """
        known = self._of(kind)
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
                f"{kind} {name!r} is registered by several packages; write one of {listed}"
            )
        names = [s.qualified_name if colon else s.name for s in self.specs(kind)]
        listed = ", ".join(sorted(known)) or "none at all"
        missing = "; ".join(
            f"{r.name} {r.version} ({r.status}: {r.error})"
            for r in self.records
            if r.failed or r.status == "blocked"
        )
        raise UnknownNameError(
            f"no {kind} is called {name!r}.{did_you_mean(name, names)} There are: {listed}."
            + (f" It may belong to a plugin that did not load: {missing}." if missing else "")
        )

    def _of(self, kind: str) -> dict[str, list[Any]]:
        if kind not in self._named:
            raise UnknownNameError(
                f"a kind must be one of {', '.join(NAMED)}, got {kind!r}.{did_you_mean(kind, NAMED)}"
            )
        return self._named[kind]

    # ---- entering -----------------------------------------------------------------------

    def _commit(self, record: PluginRecord, register: Register | None) -> PluginRecord:
        """Enter all of a plugin's registrations, or none and say why."""
        if register is None:
            return record
        named = [spec for spec in register.specs if spec.kind in NAMED]
        rules = [*self.rules, *(spec for spec in register.specs if isinstance(spec, RuleSpec))]
        try:
            table = RuleTable(rules)
            for spec in named:
                self._check_clash(spec.kind, spec, rules)
        except PluginError as error:
            advice = (
                f"ask the authors of {record.distribution} to change it, or do without: "
                f"pip uninstall {record.distribution}"
            )
            return replace(
                record, status="broken", components=(), rules=0, notes=(), error=str(error),
                advice=advice,
            )  # fmt: skip
        self.rules = table
        for spec in named:
            self._named[spec.kind].setdefault(spec.name, []).append(spec)
        return record

    def _check_clash(self, kind: str, spec: Any, rules: list[RuleSpec]) -> None:
        """Refuse a built-in's name, and a qualified name that is taken."""
        for other in self._named[kind].get(spec.name, ()):
            if other.distribution == spec.distribution:
                raise PluginError(
                    f"{kind} {spec.qualified_name!r} is registered by another plugin of "
                    f"{spec.distribution} already"
                )
            if other.distribution == BUILTIN:
                raise PluginError(
                    f"{kind} {spec.name!r} is the name of a built-in, which can't be taken"
                )
            if kind == "divergence" and spec.name in {rule.divergence for rule in rules}:
                raise PluginError(
                    f"divergence {spec.name!r} is registered by {other.distribution} too, and rules "
                    "are registered by its short name, which can't tell the two apart"
                )

    # ---- reporting ----------------------------------------------------------------------

    def _with_notes(self, record: PluginRecord, records: Sequence[PluginRecord]) -> PluginRecord:
        """Add what is only known once all plugins have loaded."""
        if record.status != "loaded":
            return record
        notes = []
        for kind, names in self._named.items():
            for same in names.values():
                mine = [s for s in same if f"{kind} {s.qualified_name}" in record.components]
                others = [s.qualified_name for s in same if s not in mine]
                if mine and others:
                    notes.append(
                        f"the short name {mine[0].name!r} is shared with {', '.join(others)}; write "
                        f"{mine[0].qualified_name!r}"
                    )
        for other in records:
            if other.distribution != record.distribution:
                if other.entry_point == record.entry_point:
                    notes.append(
                        f"its entry point {record.entry_point!r} has the name of one of "
                        f"{other.distribution}; name the package instead where one of them is meant"
                    )
                if other.module == record.module:
                    notes.append(
                        f"its entry point names the module {record.module!r}, as that of "
                        f"{other.distribution} does: only one of the two was imported"
                    )
        divergences = self._named["divergence"]
        unknown = {
            rule.divergence
            for rule in self.rules
            if rule.distribution == record.distribution and rule.divergence not in divergences
        }
        notes += [
            f"it registers rules for divergence {name!r}, which does not exist."
            f"{did_you_mean(name, divergences)}"
            for name in sorted(unknown)
        ]
        return replace(record, notes=(*record.notes, *notes))

    def _warn(self, strict: bool) -> None:
        failed = [record for record in self.records if record.failed]
        own = [record for record in failed if record.distribution == BUILTIN]
        if own:
            raise PluginError(
                f"the built-in plugin did not load, so there are no components: {own[0].error}\n"
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
