"""Names -> specs, with suggestions, and the records of all plugins."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import EntryPoint
from typing import TypeVar

from topicforge.contracts import KINDS, ComponentSpec, Kind, PresetSpec
from topicforge.dispatch import RuleTable
from topicforge.errors import PluginError, PluginWarning, UnknownNameError, did_you_mean
from topicforge.registry.discovery import BUILTIN, Switches, discover, installed
from topicforge.registry.record import PluginRecord
from topicforge.registry.register import Staged

S = TypeVar("S", ComponentSpec, PresetSpec)


class Registry:
    """Everything that plugins brought.

    Args:
        points: entry points to load, in this order; built-ins first, since their short names can't
            be taken.
        switches: what to block and whether a broken plugin is an error.

    Raises:
        PluginError: a plugin is broken and ``switches.strict`` is set, or the built-in one is.
    """

    def __init__(self, points: Iterable[EntryPoint], switches: Switches | None = None) -> None:
        switches = switches or Switches()
        self.records: list[PluginRecord] = []
        self.rules = RuleTable()
        self._components: dict[tuple[str, str], list[ComponentSpec]] = {}
        self._presets: dict[str, list[PresetSpec]] = {}
        for record, staged in discover(points, switches):
            self.records.append(self._commit(record, staged))
        self._report(switches.strict)

    # ---- looking up ---------------------------------------------------------------------

    def components(self, kind: Kind) -> list[ComponentSpec]:
        """Return the components of a kind, built-ins first."""
        return [spec for (k, _), specs in self._components.items() if k == kind for spec in specs]

    def presets(self) -> list[PresetSpec]:
        """Return all presets, built-ins first."""
        return [spec for specs in self._presets.values() for spec in specs]

    def find(self, kind: Kind, name: str) -> ComponentSpec:
        """Return the component called ``name`` or ``distribution:name``.

        Raises:
            UnknownNameError: none, with the nearest names; or several third parties share the
                short name, with their qualified names.
        """
        return self._one(
            kind, name, {n: specs for (k, n), specs in self._components.items() if k == kind}
        )

    def preset(self, name: str) -> PresetSpec:
        """Return the preset called ``name`` or ``distribution:name``.

        Raises:
            UnknownNameError: see :meth:`find`.
        """
        return self._one("preset", name, self._presets)

    def _one(self, kind: str, name: str, known: Mapping[str, Sequence[S]]) -> S:
        short = str(name).rpartition(":")[2]
        found = [spec for spec in known.get(short, ()) if name in (spec.name, spec.qualified_name)]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(repr(spec.qualified_name) for spec in found)
            raise UnknownNameError(
                f"{kind} {name!r} is brought by several packages; write one of {listed}"
            )
        names = [spec.name for specs in known.values() for spec in specs]
        names += [spec.qualified_name for specs in known.values() for spec in specs]
        broken = [record.name for record in self.records if record.status != "loaded"]
        raise UnknownNameError(
            f"no {kind} is called {name!r}.{did_you_mean(name, names)} There are "
            f"{', '.join(sorted({spec.name for specs in known.values() for spec in specs}))}."
            + (f" Not loaded: {', '.join(broken)} (see `topicforge plugins`)." if broken else "")
        )

    # ---- entering -----------------------------------------------------------------------

    def _commit(self, record: PluginRecord, staged: Staged | None) -> PluginRecord:
        """Enter all of a plugin's registrations, or none and say why."""
        if staged is None:
            return record
        try:
            self._check_clashes(staged)
            rules = RuleTable([*self.rules, *staged.rules])
        except PluginError as error:
            advice = (
                f"rename it, or remove one of the packages: pip uninstall {record.distribution}"
            )
            return replace(record, status="broken", components=(), error=str(error), advice=advice)
        self.rules = rules
        for component in staged.components:
            self._components.setdefault((component.kind, component.name), []).append(component)
        for preset in staged.presets:
            self._presets.setdefault(preset.name, []).append(preset)
        return record

    def _check_clashes(self, staged: Staged) -> None:
        taken: list[tuple[ComponentSpec | PresetSpec, Sequence[ComponentSpec | PresetSpec]]] = [
            *((c, self._components.get((c.kind, c.name), ())) for c in staged.components),
            *((p, self._presets.get(p.name, ())) for p in staged.presets),
        ]
        for spec, others in taken:
            what = spec.kind if isinstance(spec, ComponentSpec) else "preset"
            for other in others:
                if other.distribution == BUILTIN:
                    raise PluginError(
                        f"{what} {spec.name!r} is the name of a built-in, which can't be taken"
                    )
                if other.distribution == spec.distribution:
                    raise PluginError(
                        f"{what} {spec.name!r} is brought by another plugin of {spec.distribution} too"
                    )

    def _report(self, strict: bool) -> None:
        broken = [r for r in self.records if r.status in ("broken", "wrong-api")]
        own = [r for r in broken if r.distribution == BUILTIN]
        if own:
            raise PluginError(
                f"the built-in plugin did not load: {own[0].error}\n{own[0].traceback}"
            )
        if not broken:
            return
        listed = "; ".join(f"{r.name} {r.version} ({r.error}; {r.advice})" for r in broken)
        if strict:
            raise PluginError(f"TOPICFORGE_PLUGINS_STRICT is set and plugins are broken: {listed}")
        warnings.warn(
            f"{len(broken)} plugin(s) did not load, everything else works: {listed}. "
            "`topicforge plugins` shows them",
            PluginWarning, stacklevel=2,
        )  # fmt: skip


@lru_cache(maxsize=1)
def default_registry() -> Registry:
    """Return the registry of all installed plugins; they are loaded on the first call."""
    return Registry(installed(), Switches.from_environment())


def list_components(kind: Kind | None = None) -> list[ComponentSpec]:
    """Return all components, or those of one kind.

    Args:
        kind: encoder, link, prior, divergence, decoder or callback; ``None`` for all.

    Raises:
        UnknownNameError: no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError(
            f"a kind must be one of {', '.join(KINDS)}, got {kind!r}.{did_you_mean(kind, KINDS)}"
        )
    registry = default_registry()
    return [spec for k in KINDS if kind in (None, k) for spec in registry.components(k)]
