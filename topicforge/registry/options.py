"""Options of components: listing them, refusing unknown ones, building with them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from topicforge.contracts import (
    Callback,
    ComponentSpec,
    Context,
    Decoder,
    Divergence,
    Encoder,
    Kind,
    Link,
    Prior,
)
from topicforge.errors import PluginError, TopicForgeError, UnknownNameError, did_you_mean

_BASES: dict[Kind, type] = {
    "encoder": Encoder,
    "link": Link,
    "prior": Prior,
    "divergence": Divergence,
    "decoder": Decoder,
    "callback": Callback,
}


def option_defaults(spec: ComponentSpec) -> dict[str, Any]:
    """Return a component's options and their defaults: its factory's keyword-only parameters."""
    parameters = inspect.signature(spec.factory).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def check_options(spec: ComponentSpec, options: Mapping[str, Any], where: str) -> None:
    """Refuse options that the component doesn't have.

    Raises:
        UnknownNameError: with the nearest option and the list of all.
    """
    known = option_defaults(spec)
    for name in options:
        if name not in known:
            listed = ", ".join(known) or "none at all"
            raise UnknownNameError(
                f"{where}: no option is called {name!r}.{did_you_mean(name, known)} It has {listed}."
            )


def build(spec: ComponentSpec, options: Mapping[str, Any], context: Context | None = None) -> Any:
    """Call a component's factory and check what comes back.

    Args:
        spec: the component.
        options: already checked by name.
        context: sizes; ``None`` for divergences and callbacks.

    Raises:
        TopicForgeError: what the factory itself raises of ours (a value outside its domain).
        PluginError: it raised something else, or gave another type than its kind's base class.
    """
    where = f"{spec.kind} {spec.qualified_name!r}" + (f" {spec.version}" if spec.version else "")
    try:
        built = spec.factory(**options) if context is None else spec.factory(context, **options)
    except TopicForgeError:
        raise
    except Exception as error:
        raise PluginError(
            f"{where}: construction failed with {type(error).__name__}: {error} (options "
            f"{dict(options)}); check the options' types, or report it to its authors"
        ) from error
    base = _BASES[spec.kind]
    if not isinstance(built, base):
        raise PluginError(
            f"{where}: its factory must give a topicforge.plugin.{base.__name__}, got "
            f"{type(built).__name__}"
        )
    return built
