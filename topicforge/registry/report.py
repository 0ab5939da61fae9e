"""The registry as plain rows, for `topicforge plugins` and for programs."""

from __future__ import annotations

import json
from typing import Any

from topicforge.contracts import KINDS
from topicforge.registry.options import option_defaults
from topicforge.registry.registry import Registry

Row = dict[str, Any]


def component_rows(registry: Registry) -> list[Row]:
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


def plugin_rows(registry: Registry) -> list[Row]:
    """Return one row a plugin, in the order of loading: what became of it and what to do."""
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


def preset_rows(registry: Registry) -> list[Row]:
    """Return one row a preset."""
    return [
        {
            "name": preset.name,
            "qualified_name": preset.qualified_name,
            "distribution": preset.distribution,
            "version": preset.version,
            "summary": preset.summary,
            "source": preset.source,
            "notes": preset.notes,
            "settings": {name: repr(value) for name, value in preset.settings.items()},
        }
        for preset in registry.presets()
    ]


def metric_rows(registry: Registry) -> list[Row]:
    """Return one row a metric."""
    return [
        {
            "name": metric.name,
            "qualified_name": metric.qualified_name,
            "distribution": metric.distribution,
            "version": metric.version,
            "summary": metric.summary,
            "source": metric.source,
            "needs": list(metric.needs),
            "options": {name: repr(value) for name, value in metric.options.items()},
        }
        for metric in registry.metrics()
    ]


def rule_rows(registry: Registry) -> list[Row]:
    """Return one row a divergence rule."""
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
    """Return everything: ``plugins``, ``components``, ``presets``, ``metrics`` and ``rules``."""
    return {
        "plugins": plugin_rows(registry),
        "components": component_rows(registry),
        "presets": preset_rows(registry),
        "metrics": metric_rows(registry),
        "rules": rule_rows(registry),
    }


def report_json(registry: Registry) -> str:
    """Return :func:`report` as JSON; option and setting values are Python literals in text."""
    return json.dumps(report(registry), indent=2, ensure_ascii=False)
