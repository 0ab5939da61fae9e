"""From what was drawn to TopicModel's parameters: parts first, then the options that they have."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from topicforge.contracts import ComponentSpec
from topicforge.errors import (
    InputError,
    MixError,
    OptionError,
    TopicForgeError,
    UnknownNameError,
    did_you_mean,
)
from topicforge.estimator.names import unknown_parameter
from topicforge.estimator.settings import OTHERS, Settings, resolve, starting_preset
from topicforge.estimator.topic_model import TopicModel
from topicforge.experiments.search.space import Axis, Choices, Numbers
from topicforge.registry import default_registry, option_defaults
from topicforge.training.options import OPTIMISER, PARAMETERS, TRAINING, parameter
from topicforge.wiring.composition import PARTS

#: names of parts are drawn before options, since they decide which options there are
HEADS = ("preset", *PARTS)
#: a check of every composition ends here; one that is beyond fails as a trial
_COMPOSITIONS = 500
#: the search's own to decide
_OWN = ("seed", "device", "training__validation_fraction", "training__patience")
_KNOWN = (*HEADS, "n_topics", *PARAMETERS, *OTHERS)

Draw = Callable[[str, Axis], Any]


def draw_settings(
    fixed: Mapping[str, Any], space: Mapping[str, Axis], draw: Draw
) -> dict[str, Any]:
    """Return TopicModel's parameters; an option that the drawn part doesn't have is left out.

    Args:
        fixed: settings that stay the same.
        space: what is drawn, names of parts first.
        draw: (setting, axis) -> value.
    """
    settings = dict(fixed)
    for name in (name for name in space if name in HEADS):
        settings[name] = draw(name, space[name])
    parts = _parts(settings)
    settings = {name: value for name, value in settings.items() if _applies(name, parts)}
    for name in (name for name in space if name not in HEADS):
        if _applies(name, parts):
            settings[name] = draw(name, space[name])
    return settings


def start_values(fixed: Mapping[str, Any], space: Mapping[str, Axis]) -> dict[str, Any]:
    """Return the labels of values that hold without a search, where the space has them.

    Args:
        fixed: settings that stay the same.
        space: what is searched.
    """
    try:
        given = dict(fixed)
        known = {name: axis.label(_in_force(given, name)) for name, axis in space.items()
                 if name in HEADS}  # fmt: skip
        given |= {n: space[n].value(label) for n, label in known.items() if label is not None}
        parts = _parts(given)
        given = {name: value for name, value in given.items() if _applies(name, parts)}
        known |= {name: axis.label(_in_force(given, name)) for name, axis in space.items()
                  if name not in HEADS and _applies(name, parts)}  # fmt: skip
    except OptionError:
        return {}
    return {name: label for name, label in known.items() if label is not None}


def check_settings(fixed: Mapping[str, Any], space: Mapping[str, Axis], where: str) -> None:
    """Refuse names and values that can't be, before anything is trained.

    Args:
        fixed: settings that stay the same.
        space: what is searched.
        where: names the file in an error.

    Raises:
        UnknownNameError: a setting, part or option that does not exist; the nearest is named.
        OptionError: a value outside its domain.
        MixError: no composition fits.
        InputError: a setting that is the search's own, or in both tables.
    """
    for name in fixed:
        if name in space:
            raise InputError(f"{where}: {name} stands in [settings] and in [space]; leave one out")
    for name, axis in space.items():
        if name in HEADS and isinstance(axis, Numbers):
            raise InputError(f"{where}: space.{name} must be {{choices = [...]}} of names")
    possible: dict[str, list[ComponentSpec]] = {
        kind: _possible(kind, fixed, space, where) for kind in PARTS
    }
    for name in (*fixed, *space):
        _check_name(name, possible, where)
    first = _first_mix(fixed, space, where)
    for name, axis in space.items():
        for value in (
            axis.ends() if name not in HEADS and name.partition("__")[0] not in PARTS else ()
        ):
            _compose({**first, name: value}, f"{where}: space.{name}")
    for name, preset in (("n_topics", 50), ("epochs", 1)):
        values = space[name].ends() if name in space else (fixed.get(name, preset),)
        for value in values:
            if type(value) is not int or value < 1:
                raise OptionError(
                    f"{where}: {name} must be whole numbers of at least 1, got {value!r}"
                )


def _first_mix(fixed: Mapping[str, Any], space: Mapping[str, Axis], where: str) -> dict[str, Any]:
    """Return the settings of the first composition that fits."""
    heads = {name: axis.ends() for name, axis in space.items() if name in HEADS}
    reasons: list[str] = []
    for names in itertools.islice(itertools.product(*heads.values()), _COMPOSITIONS):
        chosen = dict(zip(heads, names, strict=True))
        settings = draw_settings(
            fixed,
            space,
            lambda name, axis, chosen=chosen: chosen.get(name, axis.ends()[0]),  # type: ignore[misc]
        )
        try:
            _compose(settings, where)
        except MixError as error:
            reasons.append(str(error))
            continue
        return settings
    raise MixError(f"{where}: none of {len(reasons)} compositions fits; the first: {reasons[0]}")


def _compose(settings: Mapping[str, Any], where: str) -> None:
    try:
        TopicModel(**settings).explain()
    except TopicForgeError as error:
        raise type(error)(f"{where}: {error}") from error


def _check_name(name: str, possible: Mapping[str, list[ComponentSpec]], where: str) -> None:
    part, two, option = name.partition("__")
    if two and part in possible:
        known = {known for spec in possible[part] for known in option_defaults(spec)}
        if option not in known:
            raise UnknownNameError(
                f"{where}: no {part} of this search has an option {option!r}."
                f"{did_you_mean(option, known)} Options: {', '.join(sorted(known)) or 'none'}"
            )
    elif name in _OWN:
        raise InputError(
            f"{where}: {name.replace('__', '.')} is the search's to decide; leave it out"
        )
    elif name not in _KNOWN and name not in map(parameter, (*OPTIMISER, *TRAINING)):
        raise UnknownNameError(f"{where}: {unknown_parameter(name, _KNOWN, 'there is no setting')}")


def _possible(
    kind: Any, fixed: Mapping[str, Any], space: Mapping[str, Axis], where: str
) -> list[ComponentSpec]:
    """Every component that may stand in a place; all that there are where it follows from others."""
    registry = default_registry()
    names: set[str | None] = set()
    try:
        if kind in space:
            names |= set(space[kind].ends())
        elif kind in fixed:
            names.add(fixed[kind])
        else:
            axis = space.get("preset")
            presets = axis.values if isinstance(axis, Choices) else [fixed.get("preset")]
            for preset in presets:
                start = starting_preset(preset, {**fixed, **space})
                names.add(registry.find("preset", start).settings.get(kind))
        if kind == "link" or None in names:
            return registry.specs(kind)
        return [registry.find(kind, name) for name in names if name is not None]
    except UnknownNameError as error:
        raise UnknownNameError(f"{where}: {error}") from error


def _parts(settings: Mapping[str, Any]) -> dict[str, ComponentSpec | None]:
    """The component in each place; ``None`` for a link that does not follow."""
    registry = default_registry()
    start = starting_preset(settings.get("preset"), settings)
    base = registry.find("preset", start).settings
    parts: dict[str, ComponentSpec | None] = {}
    for kind in PARTS:
        name = settings.get(kind, base.get(kind))
        parts[kind] = registry.find(kind, name) if isinstance(name, str) else None
    if "link" not in settings:
        try:
            parts["link"] = _resolved(settings, HEADS).composition.parts["link"].spec
        except MixError:
            parts["link"] = None
    return parts


def _applies(name: str, parts: Mapping[str, ComponentSpec | None]) -> bool:
    part, _, option = name.partition("__")
    if part not in PARTS or not option:
        return True
    spec = parts.get(part)
    return spec is not None and option in option_defaults(spec)


def _in_force(settings: Mapping[str, Any], name: str) -> Any:
    """The value of a setting that the preset and the parts' defaults lead to."""
    return {"n_topics": 50, **settings, **_resolved(settings, None).parameters()}.get(name)


def _resolved(settings: Mapping[str, Any], names: tuple[str, ...] | None) -> Settings:
    explicit = {
        name: value
        for name, value in settings.items()
        if name not in ("preset", "n_topics") and (names is None or name in names)
    }
    return resolve(default_registry(), settings.get("preset"), explicit)
