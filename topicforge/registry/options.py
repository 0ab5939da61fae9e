"""Options of components: listing them, refusing unknown ones, building with them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from topicforge.contracts import ComponentSpec, Context
from topicforge.errors import PluginError, TopicForgeError, UnknownNameError, did_you_mean
from topicforge.registry.kinds import KINDS


def option_defaults(spec: ComponentSpec) -> dict[str, Any]:
    """Return a component's options and their defaults: its factory's keyword-only parameters.

    Raises:
        PluginError: the factory's signature can't be read.
    """
    try:
        parameters = inspect.signature(spec.factory).parameters.values()
    except (TypeError, ValueError) as error:
        raise PluginError(f"{_name(spec)}: its options can't be read: {error}") from error
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def check_options(spec: ComponentSpec, options: Mapping[str, Any], where: str) -> None:
    """Refuse options that the component doesn't have.

    Args:
        spec: the component.
        options: by name.
        where: the place to name in the error.

    Raises:
        UnknownNameError: with the nearest option and the list of all.
    """
    known = option_defaults(spec)
    for name in options:
        if name not in known:
            listed = ", ".join(f"{k}={v!r}" for k, v in known.items()) or "no option at all"
            raise UnknownNameError(
                f"{where}: no option is called {name!r}.{did_you_mean(name, known)} It has {listed}."
            )


def build(spec: ComponentSpec, options: Mapping[str, Any], context: Context | None = None) -> Any:
    """Call a component's factory and check what comes back.

    Args:
        spec: the component.
        options: already checked by name.
        context: sizes; ``None`` for divergences and callbacks.

    Returns:
        An instance of the kind's base class.

    Raises:
        TopicForgeError: what the factory itself raises of ours (a value outside its domain).
        PluginError: it raised something else, or gave another type than its kind's base class.
    """
    where = _name(spec)
    entry = KINDS[spec.kind]
    arguments = (context,) if entry.takes_context else ()
    try:
        built = spec.factory(*arguments, **options)
    except TopicForgeError:
        raise
    except Exception as error:
        given = ", ".join(f"{name}={value!r}" for name, value in options.items()) or "the defaults"
        raise PluginError(
            f"{where}: construction failed with {type(error).__name__}: {error} (options: {given}); "
            f"check the options' types and values, or report it to the authors{_of(spec)}"
        ) from error
    base: Any = entry.base
    if not isinstance(built, base):
        raise PluginError(
            f"{where}: its factory must give a topicforge.plugin.{base.__name__}, got "
            f"{type(built).__name__}; report it to the authors{_of(spec)}"
        )
    if issubclass(base, nn.Module) and "_parameters" not in vars(built):
        raise PluginError(
            f"{where}: {type(built).__name__}.__init__ must begin with super().__init__(context), "
            f"and does not; report it to the authors{_of(spec)}"
        )
    return built


def _name(spec: ComponentSpec) -> str:
    return f"{spec.kind} {spec.qualified_name!r}" + (f" {spec.version}" if spec.version else "")


def _of(spec: ComponentSpec) -> str:
    return f" of {spec.distribution}" if spec.distribution else ""
