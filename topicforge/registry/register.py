"""The objects handed to hooks: one narrow verb each, checked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NoReturn, cast

from topicforge.contracts import ComponentSpec, Kind, Latent, PresetSpec, RuleSpec
from topicforge.errors import PluginError
from topicforge.evaluation import MetricSpec, Score
from topicforge.registry.checks import (
    check_factory,
    check_latent,
    check_metric,
    check_name,
    check_rule,
    check_words,
)
from topicforge.registry.staged import Staged


class Register:
    """What all registers share.

    Args:
        staged: where registrations go.
        hook: name of the hook it is handed to, for error messages.
    """

    verb: ClassVar[str]

    def __init__(self, staged: Staged, hook: str) -> None:
        self._staged = staged
        self._hook = hook

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"{self._hook}: its register has the verb .{self.verb} alone, no .{name}; every kind of "
            "registration has a hook of its own"
        )

    def _where(self, name: object) -> str:
        where = f"{self._hook}: register.{self.verb}({name!r})"
        self._staged.require_open(where)
        return where

    def _add(
        self,
        kind: Kind,
        name: str,
        factory: Callable[..., Any],
        summary: str,
        source: str,
        latent: Callable[..., Latent] | None = None,
    ) -> None:
        where = self._where(name)
        check_name(where, name)
        check_words(where, summary=summary, source=source)
        check_factory(where, kind, factory)
        check_latent(where, kind, factory, latent)
        if any((c.kind, c.name) == (kind, name) for c in self._staged.components):
            raise PluginError(f"{where}: this plugin has registered that {kind} already")
        spec = ComponentSpec(
            kind, name, factory, summary, source, latent,
            self._staged.distribution, self._staged.version,
        )  # fmt: skip
        self._staged.components.append(spec)


class EncoderRegister(Register):
    """Takes encoders."""

    verb = "encoder"

    def encoder(
        self,
        name: str,
        factory: Callable[..., Any],
        *,
        summary: str,
        source: str,
        latent: Callable[..., Latent] | None = None,
    ) -> None:
        """Register an encoder; :class:`~topicforge.contracts.ComponentSpec` has the arguments."""
        self._add("encoder", name, factory, summary, source, latent)


class LinkRegister(Register):
    """Takes links."""

    verb = "link"

    def link(self, name: str, factory: Callable[..., Any], *, summary: str, source: str) -> None:
        """Register a link."""
        self._add("link", name, factory, summary, source)


class PriorRegister(Register):
    """Takes priors."""

    verb = "prior"

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


class DivergenceRegister(Register):
    """Takes divergences."""

    verb = "divergence"

    def divergence(
        self, name: str, factory: Callable[..., Any], *, summary: str, source: str
    ) -> None:
        """Register a divergence; its factory takes options alone."""
        self._add("divergence", name, factory, summary, source)


class DecoderRegister(Register):
    """Takes decoders."""

    verb = "decoder"

    def decoder(self, name: str, factory: Callable[..., Any], *, summary: str, source: str) -> None:
        """Register a decoder."""
        self._add("decoder", name, factory, summary, source)


class RegulariserRegister(Register):
    """Takes regulariser."""

    verb = "regulariser"

    def regulariser(
        self, name: str, factory: Callable[..., Any], *, summary: str, source: str
    ) -> None:
        """Register a rule of training; its factory takes options alone."""
        self._add("regulariser", name, factory, summary, source)


class CallbackRegister(Register):
    """Takes callbacks."""

    verb = "callback"

    def callback(
        self, name: str, factory: Callable[..., Any], *, summary: str, source: str
    ) -> None:
        """Register a callback; its factory takes options alone."""
        self._add("callback", name, factory, summary, source)


class RuleRegister(Register):
    """Takes divergence rules."""

    verb = "divergence_rule"

    def divergence_rule(self, spec: RuleSpec) -> None:
        """Register how a divergence is computed for a pair of distribution types."""
        where = self._where(getattr(spec, "divergence", spec))
        check_rule(where, spec)
        owner = self._staged
        owner.rules.append(replace(spec, distribution=owner.distribution, version=owner.version))


class PresetRegister(Register):
    """Takes presets."""

    verb = "preset"

    def preset(
        self, name: str, settings: Mapping[str, Any], *, summary: str, source: str, notes: str = ""
    ) -> None:
        """Register named TopicModel settings; part options are written ``prior__concentration``."""
        where = self._where(name)
        check_name(where, name)
        check_words(where, summary=summary, source=source)
        if not isinstance(settings, Mapping) or not all(isinstance(k, str) for k in settings):
            raise PluginError(
                f"{where}: settings must map TopicModel's parameter names to values, got {settings!r}"
            )
        if any(p.name == name for p in self._staged.presets):
            raise PluginError(f"{where}: this plugin has registered that preset already")
        owner = self._staged
        self._staged.presets.append(
            PresetSpec(name, settings, summary, source, owner.distribution, owner.version, notes)
        )


class MetricRegister(Register):
    """Takes metrics."""

    verb = "metric"

    def metric(
        self,
        name: str,
        function: Callable[..., float | Score],
        *,
        summary: str,
        source: str,
        needs: Iterable[str] = (),
    ) -> None:
        """Register a metric; :class:`~topicforge.evaluation.MetricSpec` has the arguments."""
        where = self._where(name)
        owner = self._staged
        # a bare text is kept for the check to refuse, not taken apart into letters
        listed = needs if isinstance(needs, str) else tuple(needs)
        spec = MetricSpec(
            name, function, summary, source, cast(tuple[str, ...], listed),
            owner.distribution, owner.version,
        )  # fmt: skip
        check_metric(where, spec)
        if any(metric.name == name for metric in owner.metrics):
            raise PluginError(f"{where}: this plugin has registered that metric already")
        owner.metrics.append(spec)
