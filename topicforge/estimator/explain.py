"""What a model's parameters amount to: every part and option, its value and where that comes from."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from textwrap import fill
from typing import Any

from topicforge.contracts import Regulariser
from topicforge.estimator.settings import OTHERS, Settings
from topicforge.registry import Option, Registry, options_of
from topicforge.training import TrainingOptions
from topicforge.training.options import OPTIMISER, PARAMETERS, TRAINING, parameter

_WIDTH = 100
Row = dict[str, Any]


def explanation(registry: Registry, settings: Settings, form: str | None = None) -> dict[str, Any]:
    """Return everything as rows of text.

    Args:
        registry: where presets and regularisers are looked up.
        settings: resolved.
        form: of the optimiser, where one has run.

    Returns:
        ``preset``, one entry per part, ``posterior``, ``prior distribution``, ``estimator``,
        ``optimiser``, ``training``, ``regularisers``, and the parameters ``n_latent`` and ``ranking``.
        Values and defaults are Python literals.
    """
    preset = registry.find("preset", settings.preset)
    composition = settings.composition
    in_force = settings.parameters()

    def origin(name: str) -> str:
        return settings.origins.get(name, "default")

    def rows(options: list[Option], name: Callable[[str], str]) -> list[Row]:
        return [
            {
                "parameter": name(one.name),
                "value": repr(in_force[name(one.name)]),
                "from": origin(name(one.name)),
                "type": one.type,
                "default": repr(one.default),
                "meaning": one.meaning,
            }
            for one in options
        ]

    training = {option.name: option for option in options_of(TrainingOptions)}
    q, p, rule = composition.posterior, composition.prior_latent, composition.rule
    return {
        "preset": {
            "name": settings.preset, "summary": preset.summary, "source": preset.source,
            "notes": preset.notes,
        },
        **{
            kind: {
                "name": part.spec.name,
                "from": "encoder" if kind == "link" and kind not in settings.origins else origin(kind),
                "summary": part.spec.summary,
                "formula": _formula(part.spec.factory),
                "source": part.spec.source,
                "package": f"{part.spec.distribution} {part.spec.version}".strip(),
                "options": rows(options_of(part.spec.factory), f"{kind}__{{}}".format),
            }
            for kind, part in composition.parts.items()
        },
        "posterior": f"{q.distribution.__name__} in {q.space}",
        "prior distribution": f"{p.distribution.__name__} in {p.space}, "
        f"{'trained' if p.trainable else 'fixed'}",
        "estimator": f"{composition.estimator}, measured in {rule.space}  [{rule.source}]",
        "optimiser": {
            "name": settings.training.optimiser,
            "from": origin("optimiser"),
            "form": form
            or "by rows where a batch can have few of the words of the vocabulary, else dense; a fitted "
            "model says which",
            "options": rows([training[name] for name in OPTIMISER], parameter),
        },
        "training": rows(
            [training[name] for name in (*PARAMETERS, *TRAINING) if name != "optimiser"], parameter
        ),
        "regularisers": [_regulariser(registry, one) for one in settings.regularisers],
        **{name: repr(in_force[name]) for name in OTHERS if name != "regularisers"},
    }  # fmt: skip


def as_text(explained: Mapping[str, Any]) -> str:
    """Return an explanation for people, in lines of at most 100 columns."""
    lines: list[str] = []

    def say(text: str, indent: int = 0) -> None:
        lines.append(
            fill(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2),
                 break_long_words=False, break_on_hyphens=False)
        )  # fmt: skip

    for name, value in explained.items():
        if isinstance(value, str):
            say(f"{name}: {value}")
        elif name == "training":
            say("training")
        elif isinstance(value, Mapping):
            come = f" ({value['from']})" if "from" in value else ""
            say(f"{name}: {value['name']}{come}")
            if "summary" in value:
                say(f"{value['summary']}  [{value['source']}]", 4)
            if "form" in value:
                say(value["form"], 4)
            if value.get("notes"):
                say(value["notes"], 4)
        else:
            say(f"{name}:" if value else f"{name}: none")
            for one in value:
                options = ", ".join(f"{key}={text}" for key, text in one["options"].items())
                say(f"{one['name']}({options}): {one['summary']}", 2)
        rows = value if name == "training" else value["options"] if _has_options(value) else ()
        for row in rows:
            say(f"{row['parameter']} = {row['value']}  ({row['from']})", 2)
            say(f"{row['type']}, default {row['default']}: {row['meaning']}", 6)
    return "\n".join(lines)


def _has_options(value: Any) -> bool:
    return isinstance(value, Mapping) and "options" in value


def _formula(factory: Any) -> str:
    """What the docstring of a part says before its arguments: its equations, as plain text."""
    text = (inspect.getdoc(factory) or "").partition("\nArgs:")[0].strip()
    text = re.sub(r":\w+:`~?([^`]*)`|``(.*?)``", lambda found: found[1] or found[2], text)
    return re.sub(r"(?<!\n)\n(?![\n ])", " ", text)  # a paragraph is a line


def _regulariser(registry: Registry, one: Regulariser | tuple[str, Mapping[str, Any]]) -> Row:
    if isinstance(one, Regulariser):
        return {"name": type(one).__name__, "summary": "an object", "options": {}}
    name, options = one
    spec = registry.find("regulariser", name)
    return {
        "name": name,
        "summary": spec.summary,
        "options": {
            option.name: repr(options.get(option.name, option.default))
            for option in options_of(spec.factory)
        },
    }
