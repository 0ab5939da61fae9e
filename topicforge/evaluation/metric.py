"""What a metric is: a function of one input, and what is known of it before it runs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Real
from typing import Any, ClassVar, Literal, Protocol

from topicforge.errors import PluginError, TopicForgeError, UnknownNameError, did_you_mean
from topicforge.evaluation.metric_input import INPUTS, MetricInput
from topicforge.evaluation.score import Score

#: the distribution whose metrics any program has without a registry
BUILTIN = "topicforge"


@dataclass(frozen=True)
class MetricSpec:
    """One metric as registered.

    Args:
        name: snake_case, because it names a column of results; the metric also answers to
            ``distribution:name``.
        function: ``function(given, *, option=default, ...)`` of a :class:`MetricInput`, which
            returns a finite number, or a :class:`Score`, which also says the value of each topic,
            the window and the rule. Its keyword-only parameters are the metric's options.
        summary: one line.
        source: paper, with equation number where there is one.
        needs: inputs it can't do without, of :data:`INPUTS`; ``a|b`` for one of two. Topics are
            always there.
        higher_is_better: whether a higher value means a better model; ``None`` for a metric that
            describes a model without judging it, which can't be the objective of a search.
        distribution: the installed distribution that registered it; the registry fills it in.
        version: that distribution's version; the registry fills it in.
    """

    kind: ClassVar[str] = "metric"
    name: str
    function: Callable[..., float | Score]
    _: KW_ONLY
    summary: str
    source: str
    needs: tuple[str, ...] = ()
    higher_is_better: bool | None = None
    distribution: str = ""
    version: str = ""

    @property
    def qualified_name(self) -> str:
        """``distribution:name``, which no other package can take."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name

    @property
    def options(self) -> dict[str, Any]:
        """The options and their defaults: the function's keyword-only parameters."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def missing(self, given: MetricInput) -> str:
        """Return which of its needs are not given, in words; empty if all are."""
        return ", ".join(
            need.replace("|", " or ")
            for need in self.needs
            if not any(given.has(one) for one in need.split("|"))
        )


class MetricSource(Protocol):
    """Where metrics are looked up by name; the registry of plugins is one."""

    def specs(self, kind: Literal["metric"]) -> list[MetricSpec]:
        """Return all metrics, built-ins first."""

    def find(self, kind: Literal["metric"], name: str) -> MetricSpec:
        """Return the metric called ``name`` or ``distribution:name``."""


def compute(
    spec: MetricSpec, given: MetricInput, options: Mapping[str, Any], name: str | None = None
) -> Score:
    """Call a metric and check what comes back.

    A number becomes a :class:`Score` whose rule is the metric's summary and whose reference is the
    corpus that its needs come from.

    Args:
        spec: the metric.
        given: its input, which has what it needs.
        options: by name.
        name: what the score is to be called; ``None`` for the metric's own name.

    Raises:
        UnknownNameError: an option that the metric doesn't have; the nearest is named.
        TopicForgeError: what the metric itself raises of ours.
        PluginError: it raised something else, or gave neither a finite number nor a Score.
    """
    known = spec.options
    for option in options:
        if option not in known:
            listed = ", ".join(f"{k}={v!r}" for k, v in known.items()) or "no option at all"
            raise UnknownNameError(
                f"metric {spec.name!r}: no option is called {option!r}."
                f"{did_you_mean(option, known)} It has {listed}."
            )
    version = f" {spec.version}" if spec.version else ""
    where = f"metric {spec.qualified_name!r}{version}"
    try:
        value: object = spec.function(given, **options)
    except TopicForgeError:
        raise
    except Exception as error:
        raise PluginError(
            f"{where}: it failed with {type(error).__name__}: {error}; leave it out, or correct it"
        ) from error
    if isinstance(value, Score):
        return replace(value, name=name or spec.name)
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise PluginError(
            f"{where}: it must give a finite number or a topicforge.plugin.Score, whose rule may "
            f"say why its value is not finite, got {value!r}"
        )
    return Score(
        name=name or spec.name,
        value=float(value),
        per_topic=None,
        reference=_reference(spec, given),
        window=None,
        top=None,
        rule=spec.summary,
        source=spec.source,
    )


def _reference(spec: MetricSpec, given: MetricInput) -> str | None:
    needs = {one for need in spec.needs for one in need.split("|")}
    if "bow" in needs:
        return given.reference
    if "texts" in needs:
        return given.texts_reference
    return given.documents if needs & {"theta", "labels", "heldout", "halves"} else None


__all__ = ["BUILTIN", "INPUTS", "MetricSource", "MetricSpec", "compute"]
