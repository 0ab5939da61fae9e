"""All scores by name, from whatever of topics, counts, texts, theta and labels there is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from topicforge.errors import InputError
from topicforge.evaluation.c_v import c_v, c_v_available
from topicforge.evaluation.clustering import clustering
from topicforge.evaluation.cooccurrence import (
    Cooccurrence,
    distinct_words,
    document_cooccurrence,
)
from topicforge.evaluation.diversity import inverted_rbo, topic_diversity, topic_uniqueness
from topicforge.evaluation.npmi import npmi_from, npmi_window
from topicforge.evaluation.perplexity import Transform, perplexity
from topicforge.evaluation.score import Score
from topicforge.evaluation.scores import Scores, check_metric_names
from topicforge.evaluation.topics import TopWords, listed_topics, top_words
from topicforge.evaluation.u_mass import u_mass_from

_COUNTED = ("bow", "vocabulary")
_LABELLED = ("theta", "labels")


@dataclass(frozen=True)
class _Given:
    """What a call of :func:`evaluate` was given, and what several metrics share."""

    topics: tuple[Sequence[str], ...]
    vocabulary: Sequence[str] | None
    bow: Any
    texts: Any
    theta: Any
    labels: Any
    transform: Any
    topic_word: Any
    heldout: Any
    halves: Any
    top: int
    td_top: int
    window: int
    c_v_window: int
    p: float
    never: float
    seed: int
    reference: str | None
    documents: str | None

    @cached_property
    def words(self) -> TopWords:
        return top_words(self.topics, self.top, where="evaluate", least=2)

    @cached_property
    def counted(self) -> Cooccurrence:
        words = distinct_words(self.words)
        return document_cooccurrence(
            words, self.bow, self.vocabulary or (), reference=self.reference
        )

    @cached_property
    def by_argmax(self) -> dict[str, Score]:
        names = ("purity", "nmi")
        return clustering(self.theta, self.labels, names, reference=self.documents)

    @cached_property
    def by_k_means(self) -> dict[str, Score]:
        names = ("km_purity", "km_nmi")
        return clustering(self.theta, self.labels, names, reference=self.documents)


@dataclass(frozen=True)
class _Metric:
    """Inputs a metric can't do without (``a|b``: one of the two), and how it is computed."""

    needs: tuple[str, ...]
    score: Callable[[_Given], Score]


def _c_v(g: _Given) -> Score:
    return c_v(g.topics, g.texts, window=g.c_v_window, top=g.top, reference=g.reference)


def _npmi_window(g: _Given) -> Score:
    return npmi_window(
        g.topics, g.texts, window=g.window, top=g.top, never=g.never, reference=g.reference
    )


def _perplexity(g: _Given) -> Score:
    return perplexity(
        g.transform,
        g.topic_word,
        g.heldout,
        halves=g.halves,
        seed=g.seed,
        reference=g.documents,
    )


METRICS = MappingProxyType(
    {
        "npmi": _Metric(_COUNTED, lambda g: npmi_from(g.words, g.counted, never=g.never)),
        "npmi_window": _Metric(("texts",), _npmi_window),
        "c_v": _Metric(("texts",), _c_v),
        "u_mass": _Metric(_COUNTED, lambda g: u_mass_from(g.words, g.counted)),
        "td": _Metric((), lambda g: topic_diversity(g.topics, top=g.td_top)),
        "tu": _Metric((), lambda g: topic_uniqueness(g.topics, top=g.top)),
        "irbo": _Metric((), lambda g: inverted_rbo(g.topics, top=g.top, p=g.p)),
        "purity": _Metric(_LABELLED, lambda g: g.by_argmax["purity"]),
        "nmi": _Metric(_LABELLED, lambda g: g.by_argmax["nmi"]),
        "km_purity": _Metric(_LABELLED, lambda g: g.by_k_means["km_purity"]),
        "km_nmi": _Metric(_LABELLED, lambda g: g.by_k_means["km_nmi"]),
        "perplexity": _Metric(("transform", "topic_word", "heldout|halves"), _perplexity),
    }
)
"""Metric name → what it needs and how it is computed, in the order of a full evaluation."""


def evaluate(
    topics: Iterable[Sequence[str]],
    *,
    vocabulary: Sequence[str] | None = None,
    bow: Any = None,
    texts: Sequence[Sequence[str]] | None = None,
    theta: Any = None,
    labels: Sequence[Hashable] | None = None,
    metrics: Iterable[str] | str | None = None,
    transform: Transform | None = None,
    topic_word: Any = None,
    heldout: Any = None,
    halves: tuple[Any, Any] | None = None,
    top: int = 10,
    td_top: int = 25,
    window: int = 10,
    c_v_window: int = 110,
    p: float = 0.9,
    never: float = -1.0,
    seed: int = 0,
    reference: str | None = None,
    documents: str | None = None,
) -> Scores:
    """Score any list of topics, and with theta and a transform the model behind them.

    ========================= ====================================================
    npmi, u_mass              ``bow`` and ``vocabulary``
    npmi_window, c_v          ``texts`` (c_v also gensim, the extra ``coherence``)
    td, tu, irbo              the topics alone
    purity, nmi,              ``theta`` and ``labels``
    km_purity, km_nmi
    perplexity                ``transform``, ``topic_word`` and ``heldout`` or ``halves``
    ========================= ====================================================

    Args:
        topics: K lists of words, the most probable first, from any program.
        vocabulary: V words, the columns of ``bow``.
        bow: (N, V) counts of the reference corpus, scipy sparse or dense.
        texts: reference documents as lists of tokens; a list, since metrics read it again.
        theta: (M, K') topic proportions of labelled documents.
        labels: M labels.
        metrics: names to compute, in this order; None computes all that the inputs allow, and
            ``skipped`` of the result says what the others need.
        transform: (M, V) CSR counts → (M, K) theta, for perplexity.
        topic_word: (K, V) probabilities, for perplexity.
        heldout: (M, V) counts to split in halves, for perplexity.
        halves: two (M, V) halves instead of ``heldout``.
        top: words a topic for npmi, npmi_window, c_v, u_mass, tu and irbo.
        td_top: words a topic for td.
        window: of npmi_window, in tokens.
        c_v_window: of c_v, in tokens.
        p: of irbo.
        never: value of a pair that never co-occurs, for npmi and npmi_window.
        seed: of the split in halves.
        reference: name of the corpus behind ``bow`` and ``texts``, for the provenance.
        documents: name of those behind ``theta``, ``labels``, ``heldout`` and ``halves``.

    Returns:
        :class:`Scores`: metric name → :class:`Score`.

    Raises:
        UnknownNameError: a metric that does not exist; the nearest is named.
        MissingExtraError: c_v asked for by name without gensim.
        OptionError: an option outside its domain.
        InputError: a metric asked for by name lacks an input; unusable input.
    """
    given = _Given(
        topics=listed_topics(topics, where="evaluate"),
        vocabulary=vocabulary,
        bow=bow,
        texts=texts,
        theta=theta,
        labels=labels,
        transform=transform,
        topic_word=topic_word,
        heldout=heldout,
        halves=halves,
        top=top,
        td_top=td_top,
        window=window,
        c_v_window=c_v_window,
        p=p,
        never=never,
        seed=seed,
        reference=reference,
        documents=documents,
    )
    if isinstance(texts, Iterator):
        raise InputError(
            "evaluate: texts must be a list, because several metrics read it; "
            "got an iterator, which can be read once: pass list(texts)"
        )
    names = _names(metrics)
    check_metric_names(names, tuple(METRICS))
    scores: dict[str, Score] = {}
    skipped: dict[str, str] = {}
    for name in names:
        why_not = _obstacle(name, given, optional=metrics is None)
        if why_not is None:
            scores[name] = METRICS[name].score(given)
        elif metrics is None:
            skipped[name] = why_not
        else:
            raise InputError(f"evaluate: metric {name!r} {why_not}")
    return Scores(scores, skipped)


def _names(metrics: Iterable[str] | str | None) -> tuple[str, ...]:
    if metrics is None:
        return tuple(METRICS)
    return (metrics,) if isinstance(metrics, str) else tuple(dict.fromkeys(metrics))


def _obstacle(name: str, given: _Given, *, optional: bool) -> str | None:
    """Return why a metric can't be computed from what was given, or None."""
    missing = [
        need.replace("|", " or ")
        for need in METRICS[name].needs
        if all(getattr(given, one) is None for one in need.split("|"))
    ]
    if missing:
        return f"needs {', '.join(missing)}"
    if name == "c_v" and optional and not c_v_available():
        return "needs gensim: pip install 'topicforge[coherence]'"
    return None
