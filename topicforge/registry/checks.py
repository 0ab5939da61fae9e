"""What a registration must satisfy, checked at once, so that the traceback shows the plugin's line."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_args

from topicforge.contracts import (
    Component,
    ComponentSpec,
    EmbedderSpec,
    LabelerSpec,
    Latent,
    PresetSpec,
    Rule,
    RuleSpec,
)
from topicforge.contracts.divergence import Exactness
from topicforge.contracts.latent import Space
from topicforge.corpus.reader import CorpusSpec, ReaderSpec, Reading
from topicforge.distributions import Distribution
from topicforge.errors import PluginError, did_you_mean
from topicforge.evaluation import MetricSpec
from topicforge.evaluation.metric_input import INPUTS

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def _require(holds: bool, where: str, must: str, came: object) -> None:
    if not holds:
        raise PluginError(f"{where}: {must}, got {came!r}")


def _check_texts(where: str, **texts: object) -> None:
    for name, text in texts.items():
        holds = isinstance(text, str) and bool(text.strip())
        _require(holds, where, f"{name} must be a text that is not empty", text)


def _check_name(where: str, name: object) -> None:
    holds = isinstance(name, str) and bool(_KEBAB.fullmatch(name))
    must = "a name must be kebab-case (lower-case letters, digits, single hyphens)"
    _require(holds, where, must, name)


def _check_named(where: str, spec: Any) -> None:
    """Name, summary and source."""
    _check_name(where, spec.name)
    _check_texts(where, summary=spec.summary, source=spec.source)


def _check_signature(where: str, what: str, function: Callable[..., Any], takes: str) -> None:
    """What is passed by position, then options: keyword-only, each with a default."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{where}: the signature of {what} can't be read: {error}") from error
    parameters = list(signature.parameters.values())
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    loose = [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(named) != bool(takes) or loose or required or inspect.iscoroutinefunction(function):
        given = f"{takes}, then options" if takes else "options alone"
        raise PluginError(
            f"{where}: {what} must take {given}, each option keyword-only with a default, so that "
            f"options can be listed and misspelt ones refused; its signature is {signature}"
        )


def check_component(base: type[Any]) -> Callable[[str, ComponentSpec], None]:
    """Return the check of components whose base class is ``base``."""

    def check(where: str, spec: ComponentSpec) -> None:
        _check_named(where, spec)
        check_factory(where, base, spec.factory)
        if hasattr(base, "describe"):
            _check_latent(where, spec.factory)

    return check


def check_factory(where: str, base: type[Any], factory: Any) -> None:
    """Raise :class:`PluginError` unless ``factory`` can build components of a kind.

    A factory takes the context (divergences, regularisers and callbacks have none), then options.
    A class must be a complete subclass of the kind's base class.
    """
    public = f"topicforge.plugin.{base.__name__}"
    _require(callable(factory), where, "the factory must be callable", factory)
    if isinstance(factory, type):
        must = f"{factory.__name__} must be a subclass of {public}"
        _require(issubclass(factory, base), where, must, factory.__mro__[1])
        missing = sorted(getattr(factory, "__abstractmethods__", ()))
        if missing:
            raise PluginError(
                f"{where}: {factory.__name__} must implement {', '.join(missing)}; {public} says "
                "what each returns"
            )
    takes = "the context" if issubclass(base, Component) else ""
    _check_signature(where, "the factory", factory, takes)


def _check_latent(where: str, factory: Any) -> None:
    how = "set the class attribute `latent`, or override `describe`"
    try:
        declared = factory.describe()
    except Exception as error:
        raise PluginError(
            f"{where}: the latent can't be read with default options "
            f"({type(error).__name__}: {error}); {how}"
        ) from error
    must = f"the latent must be a topicforge.plugin.Latent ({how})"
    _require(isinstance(declared, Latent), where, must, declared)
    check_distribution(f"{where}: Latent.distribution", declared.distribution)


def check_distribution(where: str, distribution: object) -> None:
    """Raise :class:`PluginError` unless given a distribution type that says where it lives."""
    holds = isinstance(distribution, type) and issubclass(distribution, Distribution)
    if not holds:
        raise PluginError(
            f"{where} must be a subclass of topicforge.plugin.Distribution, got {distribution!r}"
        )
    space, spaces = getattr(distribution, "space", None), get_args(Space)
    holds = distribution is Distribution or space in spaces
    _require(holds, where, f"{distribution}.space must be one of {spaces}", space)


def check_rule(where: str, spec: RuleSpec) -> None:
    """Raise :class:`PluginError` unless a rule is complete."""
    _check_name(where, spec.divergence)
    rule: Any = spec.rule
    _require(isinstance(rule, Rule), where, "the rule must be a topicforge.plugin.Rule", rule)
    check_distribution(f"{where}: posterior", spec.posterior)
    check_distribution(f"{where}: prior", spec.prior)
    must = "Rule.compute must be a function (q, p, samples)"
    _require(callable(rule.compute), where, must, rule.compute)
    for field, allowed in (("exactness", get_args(Exactness)), ("space", get_args(Space))):
        value = getattr(rule, field)
        _require(value in allowed, where, f"Rule.{field} must be one of {allowed}", value)
    _check_texts(where, **{"Rule.source": rule.source, "Rule.summary": rule.summary})


def check_preset(where: str, spec: PresetSpec) -> None:
    """Raise :class:`PluginError` unless the settings are a mapping with names of parameters."""
    _check_named(where, spec)
    settings: Any = spec.settings
    holds = isinstance(settings, Mapping) and all(isinstance(name, str) for name in settings)
    must = "settings must map names of TopicModel's parameters to values"
    _require(holds, where, must, settings)


def check_metric(where: str, spec: MetricSpec) -> None:
    """Raise :class:`PluginError` unless a metric has a snake_case name, texts and a right function.

    The function takes the :class:`~topicforge.plugin.MetricInput`, then options.
    """
    must = (
        "a metric's name must be snake_case (lower-case letters, digits, single underscores), "
        "because it names a column of results"
    )
    holds = isinstance(spec.name, str) and bool(_SNAKE.fullmatch(spec.name))
    _require(holds, where, must, spec.name)
    _check_texts(where, summary=spec.summary, source=spec.source)
    needs: Any = spec.needs
    holds = isinstance(needs, tuple) and all(isinstance(need, str) for need in needs)
    _require(holds, where, "needs must be a tuple of names of inputs", needs)
    for one in (one for need in spec.needs for one in need.split("|")):
        if one not in INPUTS:
            raise PluginError(
                f"{where}: no input is called {one!r}.{did_you_mean(one, INPUTS)} needs may name "
                f"{', '.join(INPUTS)}, or a|b for one of two; topics are always there"
            )
    better: Any = spec.higher_is_better
    _require(
        better in (True, False, None), where, "higher_is_better must be True, False or None", better
    )
    function: Any = spec.function
    holds = callable(function) and not isinstance(function, type)
    _require(holds, where, "the metric must be a function", function)
    _check_signature(where, "the function", function, "the MetricInput")


def check_reader(where: str, spec: ReaderSpec) -> None:
    """Raise :class:`PluginError` unless a reader has texts, patterns, known options and a function."""
    _check_gives(where, spec)
    files: Any = spec.files
    holds = isinstance(files, tuple) and all(isinstance(p, str) and p == p.lower() for p in files)
    _require(holds, where, "files must be a tuple of patterns in lower case, ('*.csv',)", files)
    known = [field.name for field in fields(Reading)]
    options: Any = spec.options
    holds = isinstance(options, tuple) and all(name in known for name in options)
    _require(holds, where, f"options must be a tuple of {', '.join(known)}", options)


def check_labeler(where: str, spec: LabelerSpec) -> None:
    """Raise :class:`PluginError` unless a labeler has a name, a summary and a function of one topic."""
    _check_name(where, spec.name)
    _check_texts(where, summary=spec.summary)
    function: Any = spec.function
    _require(callable(function), where, "the labeler must be a function", function)
    _check_signature(where, "the function", function, "the TopicSummary")


def check_corpus(where: str, spec: CorpusSpec) -> None:
    """Raise :class:`PluginError` unless a named corpus has texts and functions."""
    _check_gives(where, spec)
    _require(callable(spec.defaults), where, "defaults must be a function", spec.defaults)


def check_embedder(where: str, spec: EmbedderSpec) -> None:
    """Raise :class:`PluginError` unless an embedder has texts and a function of texts and an argument."""
    _check_named(where, spec)
    _require(callable(spec.function), where, "function must be a function", spec.function)


def _check_gives(where: str, spec: Any) -> None:
    holds = isinstance(spec.name, str) and bool(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", spec.name))
    _require(holds, where, "a name must be lower-case letters, digits, single hyphens", spec.name)
    _check_texts(where, summary=spec.summary)
    _require(callable(spec.read), where, "read must be a function", spec.read)
    _require(
        spec.gives in ("texts", "counts"), where, "gives must be 'texts' or 'counts'", spec.gives
    )
