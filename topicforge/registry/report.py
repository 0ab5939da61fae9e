"""The registry as plain rows, for `topicforge plugins` and for programs."""

from __future__ import annotations

from typing import Any

from topicforge.contracts import KINDS
from topicforge.registry.options import option_defaults
from topicforge.registry.registry import Registry


def component_rows(registry: Registry) -> list[dict[str, Any]]:
    """Return one row a component: kind, name, package and version, summary, source, options."""
    return [
        {
            "kind": kind,
            "name": spec.name,
            "qualified_name": spec.qualified_name,
            "distribution": spec.distribution,
            "version": spec.version,
            "summary": spec.summary,
            "source": spec.source,
            "options": {name: repr(value) for name, value in option_defaults(spec).items()},
        }
        for kind in KINDS
        for spec in registry.components(kind)
    ]


def plugin_rows(registry: Registry) -> list[dict[str, Any]]:
    """Return one row an entry point, in the order of loading."""
    return [
        {
            "name": record.name,
            "version": record.version,
            "module": record.module,
            "status": record.status,
            "components": list(record.components),
            "error": record.error,
            "advice": record.advice,
            "traceback": record.traceback,
            "output": record.output,
            "seconds": round(record.seconds, 3),
        }
        for record in registry.records
    ]


def preset_rows(registry: Registry) -> list[dict[str, Any]]:
    """Return one row a preset."""
    return [
        {
            "name": preset.name,
            "qualified_name": preset.qualified_name,
            "distribution": preset.distribution,
            "version": preset.version,
            "summary": preset.summary,
            "source": preset.source,
            "settings": {name: repr(value) for name, value in preset.settings.items()},
        }
        for preset in registry.presets()
    ]


def rule_rows(registry: Registry) -> list[dict[str, Any]]:
    """Return one row a divergence rule."""
    return [
        {
            "divergence": spec.divergence,
            "posterior": spec.posterior.__name__,
            "prior": spec.prior.__name__,
            "exactness": spec.rule.exactness,
            "space": spec.rule.space,
            "summary": spec.rule.summary,
            "source": spec.rule.source,
        }
        for spec in registry.rules
    ]
