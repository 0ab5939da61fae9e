"""What a registration must satisfy, checked at once, so that the traceback shows the line."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, get_args

from topicforge.contracts import Kind, Latent, Rule, RuleSpec
from topicforge.contracts.divergence import Exactness
from topicforge.contracts.latent import Space
from topicforge.distributions import Distribution
from topicforge.errors import PluginError, did_you_mean
from topicforge.evaluation import MetricSpec
from topicforge.evaluation.metric_input import INPUTS
from topicforge.registry.kinds import BASES, WITH_LATENT, WITHOUT_CONTEXT

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def check_name(where: str, name: object) -> None:
    """Raise :class:`PluginError` unless ``name`` is kebab-case."""
    if not (isinstance(name, str) and _KEBAB.fullmatch(name)):
        raise PluginError(
            f"{where}: a name must be kebab-case (lower case letters, digits, single hyphens), got "
            f"{name!r}"
        )


def check_words(where: str, **texts: object) -> None:
    """Raise :class:`PluginError` unless every text says something."""
    for name, text in texts.items():
        if not (isinstance(text, str) and text.strip()):
            raise PluginError(f"{where}: {name} must say something, got {text!r}")


def check_factory(where: str, kind: Kind, factory: Callable[..., Any]) -> None:
    """Raise :class:`PluginError` unless the factory can be called as its kind is.

    The context comes first (divergences and callbacks have none), then options: keyword-only,
    each with a default. A class must be a complete child of its kind's base class.
    """
    if not callable(factory):
        raise PluginError(f"{where}: the factory must be callable, got {factory!r}")
    if isinstance(factory, type):
        base = BASES[kind]
        if not issubclass(factory, base):
            raise PluginError(
                f"{where}: {factory.__name__} must be a subclass of topicforge.plugin.{base.__name__}"
            )
        missing = sorted(getattr(factory, "__abstractmethods__", ()))
        if missing:
            raise PluginError(
                f"{where}: {factory.__name__} must implement {', '.join(missing)}; "
                f"topicforge.plugin.{base.__name__} says what each returns"
            )
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{where}: the factory's signature can't be read: {error}") from error
    parameters = list(signature.parameters.values())
    expected = 0 if kind in WITHOUT_CONTEXT else 1
    given = "options alone" if expected == 0 else "the context, then options"
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    loose = [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(named) != expected or loose or required:
        raise PluginError(
            f"{where}: the factory must take {given}, each option keyword-only with a default, so "
            f"that options can be listed and misspelt ones refused; its signature is {signature}"
        )


def check_latent(
    where: str, kind: Kind, factory: Callable[..., Any], latent: Callable[..., Latent] | None
) -> None:
    """Raise :class:`PluginError` unless an encoder or a prior says what its latent is.

    The declaration is asked for with default options, as the composition does.
    """
    if kind not in WITH_LATENT:
        return
    how = "set the class attribute `latent`, override `describe`, or pass latent="
    describe = latent or getattr(factory, "describe", None)
    if not callable(describe):
        raise PluginError(f"{where}: must declare its latent: {how}; got {describe!r}")
    try:
        declared = describe()
    except Exception as error:
        raise PluginError(
            f"{where}: its latent can't be read with default options "
            f"({type(error).__name__}: {error}); {how}"
        ) from error
    if not isinstance(declared, Latent):
        raise PluginError(
            f"{where}: its latent must be a topicforge.plugin.Latent, got {declared!r}; {how}"
        )
    check_distribution(f"{where}: Latent.distribution", declared.distribution)


def check_distribution(where: str, distribution: object) -> None:
    """Raise :class:`PluginError` unless given a distribution type that says where it lives."""
    if not (isinstance(distribution, type) and issubclass(distribution, Distribution)):
        raise PluginError(
            f"{where} must be a subclass of topicforge.plugin.Distribution, got {distribution!r}"
        )
    space = getattr(distribution, "space", None)
    if distribution is not Distribution and space not in get_args(Space):
        raise PluginError(
            f"{where}: {distribution.__name__}.space must be one of {get_args(Space)}, got {space!r}"
        )


def check_rule(where: str, spec: object) -> None:
    """Raise :class:`PluginError` unless given a complete :class:`RuleSpec`."""
    if not isinstance(spec, RuleSpec):
        raise PluginError(f"{where}: must be given a topicforge.plugin.RuleSpec, got {spec!r}")
    check_name(f"{where}: RuleSpec.divergence", spec.divergence)
    check_distribution(f"{where}: RuleSpec.posterior", spec.posterior)
    check_distribution(f"{where}: RuleSpec.prior", spec.prior)
    rule: object = spec.rule
    if not isinstance(rule, Rule):
        raise PluginError(f"{where}: RuleSpec.rule must be a topicforge.plugin.Rule, got {rule!r}")
    if not callable(rule.compute):
        raise PluginError(
            f"{where}: Rule.compute must be a function (q, p, samples), got {rule.compute!r}"
        )
    for name, value, allowed in (
        ("exactness", rule.exactness, get_args(Exactness)),
        ("space", rule.space, get_args(Space)),
    ):
        if value not in allowed:
            raise PluginError(f"{where}: Rule.{name} must be one of {allowed}, got {value!r}")
    check_words(where, **{"Rule.source": rule.source, "Rule.summary": rule.summary})


def check_metric(where: str, spec: MetricSpec) -> None:
    """Raise :class:`PluginError` unless a metric has a snake_case name, words, and a right function.

    The function takes the input alone by position, then options: keyword-only, each with a default.
    """
    if not (isinstance(spec.name, str) and _SNAKE.fullmatch(spec.name)):
        raise PluginError(
            f"{where}: a metric's name must be snake_case (lower case letters, digits, single "
            f"underscores), because it names a column of results, got {spec.name!r}"
        )
    check_words(where, summary=spec.summary, source=spec.source)
    needs: object = spec.needs
    if not isinstance(needs, tuple) or not all(isinstance(need, str) for need in needs):
        raise PluginError(f"{where}: needs must be a tuple of names of inputs, got {needs!r}")
    for need in spec.needs:
        for one in need.split("|"):
            if one not in INPUTS:
                raise PluginError(
                    f"{where}: no input is called {one!r}.{did_you_mean(one, INPUTS)} needs may name "
                    f"{', '.join(INPUTS)}, or a|b for one of two; topics are always there"
                )
    if not callable(spec.function) or isinstance(spec.function, type):
        raise PluginError(f"{where}: the metric must be a function, got {spec.function!r}")
    try:
        signature = inspect.signature(spec.function)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{where}: the function's signature can't be read: {error}") from error
    parameters = list(signature.parameters.values())
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    loose = [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(named) != 1 or loose or required or inspect.iscoroutinefunction(spec.function):
        raise PluginError(
            f"{where}: the function must be a plain one of the MetricInput, then options, each "
            f"keyword-only with a default; its signature is {signature}"
        )
