"""What is drawn, as arrays, the same for matplotlib and Plotly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError
from topicforge.evaluation.labels import is_missing
from topicforge.evaluation.rankings import top_columns
from topicforge.results import Topics, hierarchy

Floats = NDArray[np.float64]
#: Okabe and Ito 2008, the colours that people with any colour vision can tell apart, black last
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
#: more leaves than a page can show; the nearest topics are drawn as one then
LEAVES = 150


def topics_of(model: Any) -> Topics:
    """Return the topics of a fitted model, or those that were handed in."""
    found: Topics = model if isinstance(model, Topics) else model._topics()
    return found


def topic_names(model: Any) -> list[str]:
    """Return the number and the label of each topic."""
    return [f"{k} {name}" for k, name in enumerate(topics_of(model).names())]


def areas(model: Any) -> Floats:
    """Return the (K,) shares of topics, all alike where they are not known; they sum to one."""
    topics = topics_of(model)
    k = len(topics)
    shares: Floats = np.ones(k) if topics.share is None else topics.share
    found: Floats = shares / shares.sum() if shares.any() else np.full(k, 1 / k)
    return found


def tree_of(model: Any) -> tuple[list[str], Floats, Floats]:
    """Return the hierarchy of the topics that are not hidden, see :func:`tree`."""
    topics, names = topics_of(model), topic_names(model)
    return tree(hierarchy(topics.topic_word[topics.shown]), [names[k] for k in topics.shown])


def word_bars(model: Any, topic: int, top: int) -> tuple[list[str], list[float]]:
    """Return a topic's top words, best first, and their probabilities.

    Args:
        model: fitted.
        topic: k.
        top: how many.

    Raises:
        OptionError: there is no such topic.
    """
    topics = topics_of(model)
    row = topics.topic_word[topics.check(topic, "plot")]
    order = top_columns(topics.word_scores, top)[topic]
    return list(topics.words(top)[topic]), row[order].tolist()


def places_of(model: Any, places: NDArray[Any] | None) -> Floats:
    """Return the (K, 2) places that were handed in, or those of :func:`topic_positions`.

    Raises:
        InputError: places of another shape.
    """
    topics = topics_of(model)
    if places is None:
        return topic_positions(topics.topic_word)
    if np.shape(places) != (len(topics), 2):
        raise InputError(f"plot: places must be ({len(topics)}, 2), got {np.shape(places)}")
    return np.asarray(places, dtype=np.float64)


def topic_positions(topic_word: NDArray[Any]) -> Floats:
    """Return places of topics in two dimensions, near where their words are alike.

    Metric multidimensional scaling of the Hellinger distances d(p, q)² = 1 - sum_v (p_v q_v)^(1/2), by
    SMACOF (de Leeuw 1977) from the classical solution (Torgerson 1952), so that the same topics always
    get the same places.

    Args:
        topic_word: (K, V) distributions.

    Returns:
        (K, 2), in units of the distance, which is at most 1.
    """
    from sklearn.manifold import smacof

    root = np.sqrt(np.asarray(topic_word, dtype=np.float64))
    k = len(root)
    if k < 3:
        return np.array([[0.0, 0.0], [1.0, 0.0]])[:k]
    distance = np.sqrt(np.clip(1 - root @ root.T, 0, 1))
    np.fill_diagonal(distance, 0)
    distance = (distance + distance.T) / 2
    centred = distance**2
    centred = -(centred - centred.mean(0) - centred.mean(1, keepdims=True) + centred.mean()) / 2
    values, vectors = np.linalg.eigh(centred)
    start: Floats = vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0))
    # the sign of an eigenvector is arbitrary
    start *= np.where(start[np.abs(start).argmax(0), [0, 1]] < 0, -1, 1)
    if not start.any():
        return start
    places: Floats = smacof(distance, init=start, n_init=1, normalized_stress=False)[0]
    return places


def document_positions(theta: NDArray[Any], places: NDArray[Any]) -> Floats:
    """Return documents' places on the map of topics: the topics' mean, weighted by theta.

    Args:
        theta: (N, K).
        places: (K, 2), from :func:`topic_positions`.
    """
    at: Floats = np.asarray(theta, dtype=np.float64) @ places
    return at


def label_groups(
    theta: NDArray[Any], labels: Sequence[Any] | None, names: Sequence[str]
) -> list[tuple[str, str, NDArray[np.int64]]]:
    """Return the groups of documents that have a colour: label, colour and document numbers.

    Args:
        theta: (N, K).
        labels: N, or ``None`` for the name of the largest topic.
        names: K names of topics.

    Raises:
        InputError: labels of another number.
    """
    if labels is None:
        labels = [names[k] for k in np.argmax(theta, axis=1)]
    if len(labels) != len(theta):
        raise InputError(
            f"plot: there must be a label for each of the {len(theta)} documents, got {len(labels)}"
        )
    text = np.array(["" if is_missing(label) else str(label) for label in labels], dtype=object)
    often = [label for label, _ in Counter(text).most_common() if label][: len(COLOURS) - 1]
    rest = np.flatnonzero(~np.isin(text, often))
    groups = [("others", "#999999", rest)] if len(rest) else []
    return groups + [
        (label, colour, np.flatnonzero(text == label))
        for label, colour in zip(often, COLOURS, strict=False)
    ]


def pivot(table: Sequence[Any]) -> tuple[list[Any], dict[int, str], Floats]:
    """Return a table of shares as a matrix.

    Args:
        table: of ``model.topics_per_class`` or ``model.topics_over_time``.

    Returns:
        C classes or times, the names of T topics by their number, (C, T) shares.

    Raises:
        InputError: the table is empty.
    """
    if not table:
        raise InputError("plot: the table must have at least one row, got none")
    by = "label" if hasattr(table[0], "label") else "time"
    groups = list(dict.fromkeys(getattr(row, by) for row in table))
    names = {row.topic: f"{row.topic} {row.name}" for row in table}
    return groups, names, np.array([row.share for row in table]).reshape(len(groups), len(names))


def lines_of(
    table: Sequence[Any], topics: Sequence[int] | None
) -> tuple[list[Any], list[tuple[str, str, Floats]]]:
    """Return classes or times, and for each topic that is drawn its name, colour and shares.

    Args:
        table: see :func:`pivot`.
        topics: numbers; ``None`` for the eight with the largest shares on average.

    Raises:
        InputError: a topic that is not in the table.
    """
    groups, names, shares = pivot(table)
    columns = {k: shares[:, at] for at, k in enumerate(names)}
    if topics is None:
        topics = sorted(names, key=lambda k: -columns[k].mean())[: len(COLOURS)]
    unknown = [k for k in topics if k not in names]
    if unknown:
        raise InputError(f"plot: topics must be those of the table, got {unknown[0]}")
    return groups, [(names[k], COLOURS[i % len(COLOURS)], columns[k]) for i, k in enumerate(topics)]


def positions_in_time(times: Sequence[Any]) -> list[Any]:
    """Return times as numbers, or as dates where they are texts of ISO 8601."""
    if not isinstance(times[0], str):
        return list(times)
    return [np.datetime64(time) for time in times]


def curves(history: Sequence[Any]) -> dict[str, list[float | None]]:
    """Return the loss terms of a fit by name, a value per epoch of training; pretraining is left out.

    Args:
        history: of :class:`~topicforge.plugin.EpochReport`.

    Raises:
        InputError: no epoch was trained.
    """
    reports = [asdict(report) for report in history if report.phase == "train"]
    if not reports:
        raise InputError("plot: the model must have at least one epoch of training, got none")
    found: dict[str, list[float | None]] = {
        name: [report[name] for report in reports]
        for name in ("loss", "validation_loss", "reconstruction")
    }
    found["divergence × weight"] = [r["divergence"] * r["divergence_weight"] for r in reports]
    for name in dict.fromkeys(name for report in reports for name in report["penalties"]):
        found[name] = [report["penalties"].get(name) for report in reports]
    found["active topics"] = [report["active_topics"] for report in reports]
    return {name: line for name, line in found.items() if any(v is not None for v in line)}


def tree(merges: Sequence[Any], names: Sequence[str]) -> tuple[list[str], Floats, Floats]:
    """Return the leaves of a hierarchy from the bottom up and the corners of its brackets.

    Args:
        merges: the table of ``model.hierarchy``.
        names: K.

    Returns:
        Leaves, and (merges, 4) distances and places, of which leaf i has place 5 + 10 i. With more
        than :data:`LEAVES` topics the nearest are one leaf, ``(n)`` for n of them.
    """
    from scipy.cluster.hierarchy import dendrogram

    if not len(merges):
        return list(names), np.empty((0, 4)), np.empty((0, 4))
    cut = {"truncate_mode": "lastp", "p": LEAVES} if len(names) > LEAVES else {}
    linkage = [[one.left, one.right, one.distance, len(one.topics)] for one in merges]
    drawn = dendrogram(np.array(linkage, dtype=np.float64), no_plot=True, labels=list(names), **cut)
    return drawn["ivl"], np.array(drawn["dcoord"]), np.array(drawn["icoord"])


def to_pyldavis(model: Any, X: Any) -> dict[str, Any]:
    """Return what ``pyLDAvis.prepare(**to_pyldavis(model, X))`` takes.

    Documents without words are left out, which pyLDAvis refuses.

    Args:
        model: fitted.
        X: the documents, a Corpus, Counts or an (N, V) matrix of counts.

    Returns:
        ``topic_term_dists`` (K, V), ``doc_topic_dists`` (N, K), ``doc_lengths`` (N,), ``vocab`` (V words)
        and ``term_frequency`` (V,).

    Raises:
        InputError: no document has a word.
    """
    from topicforge.corpus import Corpus, Counts

    counts = X.counts if isinstance(X, Corpus) else Counts.from_matrix(X, "to_pyldavis")
    worded = np.flatnonzero(counts.lengths())
    if not len(worded):
        raise InputError("to_pyldavis: at least one document must have a word, got none")
    counts = counts.select(worded)
    theta = model.transform(counts).astype(np.float64)
    topic_word = model.topic_word_.astype(np.float64)
    words = model.vocabulary_ or tuple(str(v) for v in range(counts.vocab_size))
    return {
        # pyLDAvis wants sums of 1 closer than float32 has them
        "topic_term_dists": topic_word / topic_word.sum(1, keepdims=True),
        "doc_topic_dists": theta / theta.sum(1, keepdims=True),
        "doc_lengths": counts.document_totals(),
        "vocab": list(words),
        "term_frequency": counts.word_totals(),
    }
