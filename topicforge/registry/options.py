"""Options of components: listing them, refusing unknown ones, building with them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from topicforge.contracts import ComponentSpec, Context, Latent
from topicforge.errors import PluginError, TopicForgeError, UnknownNameError, did_you_mean
from topicforge.registry.kinds import KINDS

#: what torch says of a module whose __init__ did not run, whatever is assigned to it first
_UNREADY = "before Module.__init__() call"


@dataclass(frozen=True)
class Option:
    """One option of a component, of a metric or of the training loop.

    Args:
        name: of the keyword-only parameter.
        type: its annotation as it is written, or an empty string.
        default: its default.
        meaning: what the docstring says of it, on one line.
    """

    name: str
    type: str
    default: Any
    meaning: str


def options_of(factory: Callable[..., Any]) -> list[Option]:
    """Return the keyword-only parameters of a factory or function, with what its docstring says.

    Args:
        factory: a class, whose bases' docstrings count too, or a function.
    """
    meanings = arguments(
        *reversed(inspect.getmro(factory)) if inspect.isclass(factory) else (factory,)
    )
    return [
        Option(p.name, _type(p.annotation), p.default, meanings.get(p.name, ""))
        for p in inspect.signature(factory).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    ]


def arguments(*described: object) -> dict[str, str]:
    """Return name -> meaning of the ``Args:`` of docstrings, in plain text; later ones win."""
    found: dict[str, str] = {}
    for one in described:
        block = inspect.cleandoc(getattr(one, "__doc__", None) or "").partition("Args:\n")[2]
        for entry in re.split(r"\n(?=    \w)", block.split("\n\n")[0]):
            names, _, meaning = entry.strip().partition(": ")
            plain = re.sub(r":\w+:`~?([^`]+)`", r"\1", " ".join(meaning.split())).replace("``", "")
            found.update(dict.fromkeys(names.split(", "), plain))
    return found


def _type(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return (
        annotation
        if isinstance(annotation, str)
        else getattr(annotation, "__name__", str(annotation))
    )


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


def describe(spec: ComponentSpec, options: Mapping[str, Any]) -> Latent:
    """Return what an encoder or a prior declares under these options, before any data is read.

    Raises:
        PluginError: it declares nothing, or something else than a Latent.
    """
    how = getattr(spec.factory, "describe", None)
    declared: object = how(**options) if callable(how) else how
    if not isinstance(declared, Latent):
        raise PluginError(
            f"{_name(spec)}: describe() must return a topicforge.plugin.Latent, got {declared!r}; set "
            "the class attribute `latent`, or override `describe`"
        )
    return declared


def build(spec: ComponentSpec, options: Mapping[str, Any], context: Context | None = None) -> Any:
    """Call a component's factory and check what comes back.

    Args:
        spec: the component.
        options: already checked by name.
        context: sizes; ``None`` for divergences, regularisers and callbacks.

    Returns:
        An instance of the kind's base class.

    Raises:
        TopicForgeError: what the factory itself raises of ours (a value outside its domain).
        PluginError: it raised something else, or gave another type than its kind's base class.
    """
    entry = KINDS[spec.kind]
    base: Any = entry.base
    arguments = (context,) if entry.takes_context else ()
    try:
        built = spec.factory(*arguments, **options)
    except TopicForgeError:
        raise
    except Exception as error:
        if _UNREADY in str(error):
            raise PluginError(_no_super(spec)) from error
        given = ", ".join(f"{name}={value!r}" for name, value in options.items()) or "the defaults"
        raise PluginError(
            f"{_name(spec)}: construction failed with {type(error).__name__}: {error} (options: "
            f"{given}); a value outside an option's domain must raise topicforge.plugin.OptionError, "
            "anything else is an error in the component"
        ) from error
    if not isinstance(built, base):
        raise PluginError(
            f"{_name(spec)}: its factory must give a topicforge.plugin.{base.__name__}, got "
            f"{type(built).__name__}"
        )
    if issubclass(base, nn.Module) and "_parameters" not in vars(built):
        raise PluginError(_no_super(spec))
    return built


def _no_super(spec: ComponentSpec) -> str:
    name = getattr(spec.factory, "__name__", "its class")
    return f"{_name(spec)}: {name}.__init__ must begin with super().__init__(context), and does not"


def _name(spec: ComponentSpec) -> str:
    return f"{spec.kind} {spec.qualified_name!r}" + (f" {spec.version}" if spec.version else "")
