"""The registry as plain rows, for `topicforge plugins` and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from topicforge.contracts import ComponentSpec
from topicforge.errors import UnknownNameError, did_you_mean
from topicforge.registry.kinds import KINDS, NAMED
from topicforge.registry.options import option_defaults, options_of
from topicforge.registry.registry import Registry

Row = dict[str, Any]


def spec_row(spec: Any) -> Row:
    """Return a named record as a row: its fields except functions, and its options if it has any.

    Values of options and of settings are Python literals in text.
    """
    row: Row = {"kind": spec.kind, "name": spec.name, "qualified_name": spec.qualified_name}
    for field in fields(spec):
        value = getattr(spec, field.name)
        if isinstance(value, tuple):
            row[field.name] = list(value)
        elif isinstance(value, Mapping):
            row[field.name] = _literals(value)
        elif not callable(value) and field.name != "kind":
            row[field.name] = value
    if isinstance(spec, ComponentSpec):
        row["options"] = _literals(option_defaults(spec))
    elif isinstance(getattr(spec, "options", None), Mapping):
        row["options"] = _literals(spec.options)
    return row


def described(registry: Registry, name: str) -> list[Row]:
    """Return a row for everything called ``name``, of any kind, with the meaning of its options.

    Args:
        registry: where it is looked up.
        name: short, or ``distribution:name``.

    Raises:
        UnknownNameError: there is none; the nearest names are listed.
    """
    everything = [spec for kind in NAMED for spec in registry.specs(kind)]
    found = []
    for spec in everything:
        if name in (spec.name, spec.qualified_name):
            row = spec_row(spec)
            if "options" in row:
                made = getattr(spec, "factory", None) or spec.function
                row["options"] = [{**vars(o), "default": repr(o.default)} for o in options_of(made)]
            found.append(row)
    if not found:
        raise UnknownNameError(
            f"plugins: no component, preset or metric is called {name!r}."
            f"{did_you_mean(name, {spec.name for spec in everything})} `topicforge plugins` lists all"
        )
    return found


def _literals(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in values.items()}


def plugin_rows(registry: Registry) -> list[Row]:
    """Return one row per plugin, in the order of loading: what became of it and what to do."""
    return [
        {
            "name": record.name,
            "entry_point": record.entry_point,
            "distribution": record.distribution,
            "version": record.version,
            "module": record.module,
            "status": record.status,
            "components": list(record.components),
            "rules": record.rules,
            "error": record.error,
            "advice": record.advice,
            "notes": list(record.notes),
            "traceback": record.traceback,
            "output": record.output,
            "seconds": round(record.seconds, 3),
        }
        for record in registry.records
    ]


def rule_rows(registry: Registry) -> list[Row]:
    """Return one row per divergence rule."""
    return [
        {
            "divergence": spec.divergence,
            "posterior": spec.posterior.__name__,
            "prior": spec.prior.__name__,
            "exactness": spec.rule.exactness,
            "space": spec.rule.space,
            "needs_softmax_link": spec.needs_softmax_link,
            "summary": spec.rule.summary,
            "source": spec.rule.source,
            "distribution": spec.distribution,
            "version": spec.version,
        }
        for spec in registry.rules
    ]


def report(registry: Registry) -> dict[str, list[Row]]:
    """Return everything: ``plugins``, ``components``, then ``presets``, ``metrics``, ``rules``."""
    rows: dict[str, list[Row]] = {"plugins": plugin_rows(registry)}
    for kind in NAMED:
        found = [spec_row(spec) for spec in registry.specs(kind)]
        rows.setdefault(KINDS[kind].plural, []).extend(found)
    return {**rows, "rules": rule_rows(registry)}


def report_json(registry: Registry) -> str:
    """Return :func:`report` as JSON."""
    return json.dumps(report(registry), indent=2, ensure_ascii=False)
