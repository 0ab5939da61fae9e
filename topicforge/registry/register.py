"""The objects handed to hooks: one narrow verb each, checked at once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from topicforge.contracts import ComponentSpec, Kind, Latent, PresetSpec, RuleSpec
from topicforge.errors import PluginError

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: built by ``factory(**options)``, without a context
WITHOUT_CONTEXT: tuple[Kind, ...] = ("divergence", "callback")


@dataclass
class Staged:
    """What one plugin registers, before it is committed."""

    distribution: str
    version: str
    components: list[ComponentSpec] = field(default_factory=list)
    rules: list[RuleSpec] = field(default_factory=list)
    presets: list[PresetSpec] = field(default_factory=list)


class _Register:
    def __init__(self, staged: Staged) -> None:
        self._staged = staged

    def _add(
        self,
        kind: Kind,
        name: str,
        factory: Callable[..., Any],
        summary: str,
        source: str,
        latent: Callable[..., Latent] | None = None,
    ) -> None:
        where = f"register.{kind}({name!r})"
        check_name(where, name)
        _check_words(where, summary=summary, source=source)
        _check_factory(where, kind, factory)
        if kind in ("encoder", "prior") and latent is None and not hasattr(factory, "describe"):
            raise PluginError(
                f"{where}: must declare its latent: subclass the contract's base class or pass latent="
            )
        if any((c.kind, c.name) == (kind, name) for c in self._staged.components):
            raise PluginError(f"{where}: this plugin has registered that {kind} already")
        spec = ComponentSpec(
            kind, name, factory, summary, source, latent,
            self._staged.distribution, self._staged.version,
        )  # fmt: skip
        self._staged.components.append(spec)


class EncoderRegister(_Register):
    """Takes encoders."""

    def encoder(
        self,
        name: str,
        factory: Callable[..., Any],
        *,
        summary: str,
        source: str,
        latent: Callable[..., Latent] | None = None,
    ) -> None:
        """Register an encoder; see :class:`~topicforge.contracts.ComponentSpec` for the arguments."""
        self._add("encoder", name, factory, summary, source, latent)


class LinkRegister(_Register):
    """Takes links."""

    def link(self, name: str, factory: Callable[..., Any], *, summary: str, source: str) -> None:
        """Register a link."""
        self._add("link", name, factory, summary, source)


class PriorRegister(_Register):
    """Takes priors."""

    def prior(
        self,
        name: str,
        factory: Callable[..., Any],
        *,
        summary: str,
        source: str,
        latent: Callable[..., Latent] | None = None,
    ) -> None:
        """Register a prior."""
        self._add("prior", name, factory, summary, source, latent)


class DivergenceRegister(_Register):
    """Takes divergences."""

    def divergence(
        self, name: str, factory: Callable[..., Any], *, summary: str, source: str
    ) -> None:
        """Register a divergence; its factory takes options alone."""
        self._add("divergence", name, factory, summary, source)


class DecoderRegister(_Register):
    """Takes decoders."""

    def decoder(self, name: str, factory: Callable[..., Any], *, summary: str, source: str) -> None:
        """Register a decoder."""
        self._add("decoder", name, factory, summary, source)


class CallbackRegister(_Register):
    """Takes callbacks."""

    def callback(
        self, name: str, factory: Callable[..., Any], *, summary: str, source: str
    ) -> None:
        """Register a callback; its factory takes options alone."""
        self._add("callback", name, factory, summary, source)


class RuleRegister(_Register):
    """Takes divergence rules."""

    def divergence_rule(self, spec: RuleSpec) -> None:
        """Register how a divergence is computed for a pair of distribution types."""
        if not isinstance(spec, RuleSpec):
            raise PluginError(f"register.divergence_rule: must be given a RuleSpec, got {spec!r}")
        self._staged.rules.append(spec)


class PresetRegister(_Register):
    """Takes presets."""

    def preset(
        self, name: str, settings: Mapping[str, Any], *, summary: str, source: str, notes: str = ""
    ) -> None:
        """Register named TopicModel settings; part options are written ``prior__concentration``."""
        where = f"register.preset({name!r})"
        check_name(where, name)
        _check_words(where, summary=summary, source=source)
        if not isinstance(settings, Mapping) or not all(isinstance(k, str) for k in settings):
            raise PluginError(
                f"{where}: settings must map parameter names to values, got {settings!r}"
            )
        if any(p.name == name for p in self._staged.presets):
            raise PluginError(f"{where}: this plugin has registered that preset already")
        spec = PresetSpec(
            name, settings, summary, source, self._staged.distribution, self._staged.version, notes
        )
        self._staged.presets.append(spec)


def check_name(where: str, name: object) -> None:
    """Raise :class:`PluginError` unless ``name`` is kebab-case."""
    if not (isinstance(name, str) and _KEBAB.fullmatch(name)):
        raise PluginError(
            f"{where}: a name must be kebab-case (lower case letters, digits, single hyphens), got {name!r}"
        )


def _check_words(where: str, **texts: object) -> None:
    for name, text in texts.items():
        if not (isinstance(text, str) and text.strip()):
            raise PluginError(f"{where}: {name} must say something, got {text!r}")


def _check_factory(where: str, kind: Kind, factory: Callable[..., Any]) -> None:
    if not callable(factory):
        raise PluginError(f"{where}: the factory must be callable, got {factory!r}")
    if kind in WITHOUT_CONTEXT:
        positional, given = 0, "options alone"
    else:
        positional, given = 1, "the context, then keyword-only options"
    try:
        parameters = list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError) as error:
        raise PluginError(f"{where}: the factory's signature can't be read: {error}") from error
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    loose = [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(named) != positional or loose or required:
        raise PluginError(
            f"{where}: the factory must take {given}, each option keyword-only with a default, so that "
            f"options can be listed and misspelt ones refused; its signature is "
            f"{inspect.signature(factory)}"
        )
