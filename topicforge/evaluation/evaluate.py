"""All scores by name, from whatever of topics, counts, texts, theta and labels there is."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topicforge.errors import InputError, OptionError, TopicForgeError
from topicforge.evaluation.c_v import c_v_available
from topicforge.evaluation.metric import BUILTIN, MetricSource, MetricSpec, compute
from topicforge.evaluation.metric_input import MetricInput
from topicforge.evaluation.metrics import METRICS
from topicforge.evaluation.perplexity import Completion, Transform
from topicforge.evaluation.score import Score
from topicforge.evaluation.scores import Scores, check_metric_names

#: a name, a name or a spec with options, or a spec that nobody has registered
Asked = str | MetricSpec | tuple[str | MetricSpec, Mapping[str, Any]]


@dataclass(frozen=True)
class _Task:
    """A metric to compute: under which name, with which options."""

    name: str
    spec: MetricSpec
    options: Mapping[str, Any]


def evaluate(
    topics: Iterable[Sequence[str]],
    *,
    vocabulary: Sequence[str] | None = None,
    bow: Any = None,
    word_vectors: Any = None,
    texts: Sequence[Sequence[str]] | None = None,
    theta: Any = None,
    labels: Sequence[Hashable] | None = None,
    metrics: Iterable[Asked] | str | None = None,
    transform: Transform | None = None,
    topic_word: Any = None,
    completion: Completion | None = None,
    heldout: Any = None,
    halves: tuple[Any, Any] | None = None,
    top: int = 10,
    reference: str | None = None,
    texts_reference: str | None = None,
    documents: str | None = None,
    registry: MetricSource | None = None,
) -> Scores:
    """Score any list of topics, and with theta and a transform the model behind them.

    ========================= ====================================================
    npmi, u_mass              ``bow`` and ``vocabulary``
    wec                       ``word_vectors`` and ``vocabulary``
    npmi_window, c_v          ``texts`` (c_v also gensim, the extra ``coherence``)
    td, tu, irbo              the topics alone
    purity, nmi,              ``theta`` and ``labels``
    km_purity, km_nmi
    perplexity                ``completion``, or ``transform`` and ``topic_word``; and ``heldout``
                              or ``halves``
    ========================= ====================================================

    Args:
        topics: K lists of words, the most probable first, from any program.
        vocabulary: V words, the columns of ``bow``.
        bow: (N, V) counts of the reference corpus, scipy sparse or dense.
        word_vectors: (V, E) vectors of the vocabulary's words, zeros where one has none.
        texts: reference documents as lists of tokens; a list, since metrics read it again.
        theta: (M, K') topic proportions of labelled documents.
        labels: M labels.
        metrics: what to compute, in this order: names, ``("c_v", {"window": 110})``, or
            :class:`MetricSpec` objects; None computes all that the inputs allow, and ``skipped`` of
            the result says what the others need. ``topicforge plugins show NAME`` lists the options
            of a metric.
        transform: (M, V) CSR counts → (M, K) theta, for perplexity.
        topic_word: (K, V) probabilities, for perplexity.
        completion: a model's own log-likelihood of second halves, for perplexity
            (:meth:`topicforge.TopicModel.completion`).
        heldout: (M, V) counts to split in halves, for perplexity.
        halves: two (M, V) halves instead of ``heldout``.
        top: words per topic, for all metrics but td, which has an option of its own.
        reference: name of the corpus behind ``bow`` and ``texts``, for the provenance.
        texts_reference: name of the one behind ``texts``, where it is another.
        documents: name of those behind ``theta``, ``labels``, ``heldout`` and ``halves``.
        registry: where names are looked up: ``topicforge.registry.default_registry()`` for the
            metrics of all installed packages; None for those of topicforge alone, without loading
            any package.

    Returns:
        :class:`Scores`: metric name → :class:`Score`. A package's metric that fails where it was
        not requested by name is skipped, and ``skipped`` says how it failed.

    Raises:
        UnknownNameError: a metric or an option that does not exist, the nearest is named; or a short
            name that several packages share.
        MissingExtraError: c_v requested by name without gensim.
        PluginError: a package's metric requested by name failed; it and its version are named.
        OptionError: an option outside its domain.
        InputError: a metric requested by name lacks an input; unusable input.
    """
    given = MetricInput(
        topics,
        vocabulary=vocabulary,
        bow=bow,
        word_vectors=word_vectors,
        texts=texts,
        theta=theta,
        labels=labels,
        transform=transform,
        topic_word=topic_word,
        completion=completion,
        heldout=heldout,
        halves=halves,
        top=top,
        reference=reference,
        texts_reference=texts_reference,
        documents=documents,
    )
    by_name = metrics is not None
    tasks = _all(registry) if metrics is None else _asked(metrics, registry)
    scores: dict[str, Score] = {}
    skipped: dict[str, str] = {}
    for task in tasks:
        why_not = _obstacle(task.spec, given, optional=not by_name)
        if why_not is not None and by_name:
            raise InputError(f"evaluate: metric {task.name!r} {why_not}")
        if why_not is not None:
            skipped[task.name] = why_not
            continue
        try:
            scores[task.name] = compute(task.spec, given, task.options, task.name)
        except TopicForgeError as error:
            # one package's fault must not cost the scores of all others, nor go unsaid
            if by_name or _is_own(task.spec):
                raise
            skipped[task.name] = str(error)
    return Scores(scores, skipped)


def _is_own(spec: MetricSpec) -> bool:
    return spec.name in METRICS and METRICS[spec.name].function is spec.function


def _all(registry: MetricSource | None) -> list[_Task]:
    """Every metric there is; under its qualified name where packages share the short one."""
    specs = list(METRICS.values()) if registry is None else registry.specs("metric")
    short = [spec.name for spec in specs]
    return [
        _Task(spec.name if short.count(spec.name) == 1 else spec.qualified_name, spec, {})
        for spec in specs
    ]


def _asked(metrics: Iterable[Asked] | str, registry: MetricSource | None) -> list[_Task]:
    """The metrics requested, in order; the same twice counts once."""
    tasks: dict[str, _Task] = {}
    for item in (metrics,) if isinstance(metrics, str) else metrics:
        metric, options = item if isinstance(item, tuple) and len(item) == 2 else (item, {})
        if not isinstance(metric, str | MetricSpec) or not isinstance(options, Mapping):
            raise OptionError(
                "evaluate: metrics must be names, (name, {option: value}) or MetricSpec objects, in "
                f"a list, got {item!r} among them"
            )
        if isinstance(metric, MetricSpec):
            spec = metric
        elif registry is not None:
            spec = registry.find("metric", metric)
        else:
            short = metric.removeprefix(f"{BUILTIN}:")
            check_metric_names((short,), tuple(METRICS))
            spec = METRICS[short]
        name = metric if isinstance(metric, str) else metric.name
        known = tasks.setdefault(name, _Task(name, spec, options))
        if (known.spec, dict(known.options)) != (spec, dict(options)):
            raise OptionError(
                f"evaluate: metric {name!r} was requested twice, with different options; evaluate "
                "them one after the other"
            )
    return list(tasks.values())


def _obstacle(spec: MetricSpec, given: MetricInput, *, optional: bool) -> str | None:
    """Return why a metric can't be computed from what was given, or None."""
    missing = spec.missing(given)
    if missing:
        return f"needs {missing}"
    if spec.name == "c_v" and _is_own(spec) and optional and not c_v_available():
        return "needs gensim: pip install 'topicforge[coherence]'"
    return None
