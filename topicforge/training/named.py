"""Callbacks and regularisers: from what a user wrote to objects with a name for errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from topicforge.contracts import Callback, Kind, Regulariser
from topicforge.errors import OptionError
from topicforge.registry import Registry, build, check_options

_BASES: dict[Kind, type] = {"callback": Callback, "regulariser": Regulariser}
#: (name, options) or an object, each with every name known
Written = tuple[Any, ...]


@dataclass(frozen=True)
class Named:
    """A callback or regulariser and what it is called.

    Args:
        part: the object.
        name: registered name, or the class of an object that was handed in.
        title: the same for errors, ``callback 'package:name' of package 1.0``.
    """

    part: Any
    name: str
    title: str


def check_named(registry: Registry, kind: Kind, items: object) -> Written:
    """Return ``TopicModel``'s callbacks or regularisers as (name, options) and objects.

    Args:
        registry: where names are looked up.
        kind: ``callback`` or ``regulariser``.
        items: names, ``(name, {option: value})`` and objects of the kind's base class.

    Raises:
        UnknownNameError: no such name or option; the nearest is named.
        OptionError: something else among them.
    """
    if isinstance(items, str | Mapping) or not isinstance(items, Iterable):
        raise OptionError(f"TopicModel: {kind}s must be a list, got {items!r}; write [...]")
    return tuple(_checked(registry, kind, item) for item in items)


def _checked(registry: Registry, kind: Kind, item: object) -> object:
    base = _BASES[kind]
    if isinstance(item, base):
        return item
    name, options = item if isinstance(item, tuple | list) and len(item) == 2 else (item, {})
    if not isinstance(name, str) or not isinstance(options, Mapping):
        raise OptionError(
            f"TopicModel: {kind}s must be names, (name, {{option: value}}) or "
            f"topicforge.plugin.{base.__name__} objects, got {item!r}"
        )
    check_options(registry.find(kind, name), options, f"TopicModel: {kind} {name!r}")
    return name, dict(options)


def build_named(registry: Registry, kind: Kind, written: Written) -> list[Named]:
    """Build those that are given by name.

    Args:
        registry: where names are looked up.
        kind: ``callback`` or ``regulariser``.
        written: what :func:`check_named` returned.

    Raises:
        OptionError: a value outside its domain.
        PluginError: one of them can't be built.
    """
    found = []
    for item in written:
        if isinstance(item, _BASES[kind]):
            of = type(item)
            found.append(Named(item, of.__name__, f"{kind} {of.__module__}.{of.__qualname__}"))
            continue
        name, options = item
        spec = registry.find(kind, name)
        title = f"{kind} {spec.qualified_name!r} of {spec.distribution} {spec.version}"
        found.append(Named(build(spec, options), name, title))
    return found
