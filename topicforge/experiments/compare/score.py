"""Scores of one cell, by the same rules whoever found its topics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topicforge.corpus import Corpus
from topicforge.evaluation import document_cooccurrence, evaluate, npmi
from topicforge.evaluation.cooccurrence import distinct_words
from topicforge.evaluation.rankings import top_columns, word_scores
from topicforge.experiments.compare.cells import Cell
from topicforge.registry import default_registry

#: words per topic that are kept: what topic diversity reads
TOP = 25


#: scores of the compare engine beside the registered metrics -> whether a higher value is better
OWN_SCORES: Mapping[str, bool | None] = {
    "npmi_thinned": True,
    "npmi_held_out": True,
    "never_meet": None,
}
#: of relevance, at which topics are read out beside their own order; scores are compared at equal td
LAMBDAS = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
#: the one that all contestants have in common
COMMON = 0.6
#: words per topic whose pairs are counted
_TOP = 10
_OF_WORDS = {"bow", "vocabulary", "word_vectors"}

Values = dict[str, float | None]


def higher_is_better(name: str) -> bool | None:
    """Return the direction of a score, ``None`` for one that only describes."""
    if name in OWN_SCORES:
        return OWN_SCORES[name]
    better: bool | None = default_registry().find("metric", name).higher_is_better
    return better


def reads_words_alone(name: str) -> bool:
    """Whether a score depends on the lists of words and not on theta."""
    if name in OWN_SCORES:
        return True
    return set(default_registry().find("metric", name).needs) <= _OF_WORDS


def score(
    cell: Cell,
    topics: Sequence[Sequence[str]],
    theta: Any,
    train: Corpus,
    held_out: Corpus,
    *,
    completion: Any = None,
    names: Sequence[str] | None = None,
) -> Values:
    """Return score -> value; ``None`` where the corpus has no labels or the peer no theta.

    ``npmi_thinned`` is NPMI on as many training documents, evenly spaced, as there are held-out ones;
    ``npmi_held_out`` on the held-out ones; ``never_meet`` the share of pairs of a topic's ten first words
    that share none of those: above some 0.1 NPMI there counts rare words.

    Args:
        cell: says which scores.
        topics: K lists of words, best first.
        theta: (documents of held_out, K), or ``None``.
        train: the reference of coherence.
        held_out: its labels are what theta is compared with.
        completion: of a model, for perplexity.
        names: only these of the cell's.
    """
    registry = default_registry()
    asked = cell.metrics if names is None else names
    given = {
        "bow": train.counts.to_scipy(),
        "vocabulary": train.vocabulary,
        "word_vectors": cell.documents.word_vectors(),
        "theta": theta,
        "labels": held_out.labels,
        "completion": completion,
        "heldout": None if completion is None else held_out.counts.to_scipy(),
        "reference": train.name,
        "documents": held_out.name,
        "top": min(_TOP, *map(len, topics)),
    }
    possible = [
        name
        for name in asked
        if name not in OWN_SCORES
        and all(any(given.get(one) is not None for one in need.split("|"))
               for need in registry.find("metric", name).needs)
    ]  # fmt: skip
    found = evaluate(topics, metrics=possible, registry=registry, **given) if possible else {}
    values = {name: found[name].value if name in found else None for name in asked}
    values |= _on_other_documents(cell, topics, train, held_out, asked)
    return {k: v if v is not None and math.isfinite(v) else None for k, v in values.items()}


def _on_other_documents(
    cell: Cell,
    topics: Sequence[Sequence[str]],
    train: Corpus,
    held_out: Corpus,
    asked: Sequence[str],
) -> Values:
    wanted = [name for name in asked if name in OWN_SCORES]
    if not wanted or cell.documents.held_out is None:
        return {}
    vocabulary = train.vocabulary or ()
    counts, other = train.counts.to_scipy(), held_out.counts.to_scipy()
    values: Values = {}
    top = min(_TOP, *map(len, topics))
    if "npmi_thinned" in wanted:
        n = min(counts.shape[0], other.shape[0])
        rows = np.linspace(0, counts.shape[0] - 1, n).round().astype(int)
        values["npmi_thinned"] = npmi(topics, counts[rows], vocabulary, top=top).value
    if "npmi_held_out" in wanted:
        values["npmi_held_out"] = npmi(topics, other, vocabulary, top=top).value
    if "never_meet" in wanted:
        words = [topic[:top] for topic in topics]
        together = document_cooccurrence(distinct_words(words), other, vocabulary)
        pairs = [together.among(topic)[np.triu_indices(len(topic), 1)] for topic in words]
        values["never_meet"] = float(np.mean([(joint == 0).mean() for joint in pairs]))
    return values


def score_by_relevance(
    cell: Cell, topic_word: Any, train: Corpus, held_out: Corpus
) -> dict[str, Values]:
    """Return lambda -> score -> value of the topics read out by relevance, the same for every contestant.

    Args:
        cell: says which scores; those of words alone are computed.
        topic_word: (K, V) p(v | k), in the corpus' columns.
        train: gives p(v), and is the reference of coherence.
        held_out: see :func:`score`.

    Source: Sievert and Shirley 2014, eq. 1.
    """
    names = [name for name in cell.metrics if reads_words_alone(name)]
    totals = train.counts.word_totals()
    words = np.array(train.vocabulary, dtype=object)
    found: dict[str, Values] = {}
    for lambda_ in LAMBDAS:
        ranking = ("relevance", {"lambda_": lambda_})
        scores = word_scores(topic_word, ranking, word_frequency=totals / totals.sum())
        topics = words[top_columns(scores, TOP)].tolist()
        found[f"{lambda_:g}"] = score(cell, topics, None, train, held_out, names=names)
    return found


def active(theta: Any) -> int | None:
    """Topics that are the largest of at least one document."""
    return None if theta is None else len(np.unique(np.asarray(theta).argmax(1)))
