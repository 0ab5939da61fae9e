"""How much topics differ from one another by their words: TD, TU and inverted RBO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.errors import OptionError
from topicforge.evaluation.cooccurrence import distinct_words
from topicforge.evaluation.score import Score
from topicforge.evaluation.topics import TopWords, top_words


def topic_diversity(topics: Iterable[Sequence[str]], *, top: int = 25) -> Score:
    """TD = distinct words / all words, among the ``top`` first words of all topics.

    Args:
        topics: K lists of words, the most probable first. Ten words per topic are the commonest
            export, so a topic with fewer than ``top`` words counts with all it has, and the score
            says so.
        top: words per topic.

    Returns:
        Score in (0, 1]; it belongs to the list, so a topic has none.

    Raises:
        OptionError: ``top`` is not a whole number of at least 1.
        InputError: unusable topics.

    Source: Dieng, Ruiz and Blei 2020, section 6 (topic diversity, 25 words).
    """
    words = top_words(topics, top, where="td", short_allowed=True)
    lengths = [len(topic) for topic in words]
    rule = "share of distinct words"
    if min(lengths) < top:
        shortest, longest = min(lengths), max(lengths)
        had = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        rule += (
            f"; {top} words per topic were requested, the topics have {had}: all of them counted"
        )
    return Score(
        name="td",
        value=len(distinct_words(words)) / sum(lengths),
        per_topic=None,
        reference=None,
        window=None,
        top=max(lengths),
        rule=rule,
        source="Dieng et al. 2020",
    )


def topic_uniqueness(topics: Iterable[Sequence[str]], *, top: int = 10) -> Score:
    """TU = mean over topics of (1 / top) sum_w 1 / cnt(w), cnt(w) = number of topics with w.

    Args:
        topics: K lists of words, the most probable first.
        top: words per topic.

    Returns:
        Score in [1/K, 1], with each topic's.

    Raises:
        OptionError: ``top`` is not a whole number of at least 1.
        InputError: unusable topics, among them one with fewer than ``top`` words.

    Source: Nan et al. 2019 (topic uniqueness).
    """
    words = top_words(topics, top, where="tu")
    topics_with = Counter(word for topic in words for word in topic)
    values = tuple(sum(1 / topics_with[word] for word in topic) / len(topic) for topic in words)
    return Score(
        name="tu",
        value=float(np.mean(values)),
        per_topic=values,
        reference=None,
        window=None,
        top=top,
        rule="mean of 1 / (topics that have the word)",
        source="Nan et al. 2019",
    )


def inverted_rbo(topics: Iterable[Sequence[str]], *, top: int = 10, p: float = 0.9) -> Score:
    """1 - mean over pairs of topics of (1 - p) sum_{d=1..D} p^(d-1) A_d + p^D A_D, D = ``top``.

    A_d is the share of words in common among the first d. The last term takes the agreement at D to
    go on for ever, so that equal lists have overlap 1.

    Args:
        topics: K lists of words, the most probable first.
        top: D, words per topic.
        p: weight of going one word deeper, in (0, 1).

    Returns:
        Score in [0, 1]; each topic's is 1 - its mean overlap with the others. One topic has no
        pair: 1, and the rule says so.

    Raises:
        OptionError: ``top`` or ``p`` outside its domain.
        InputError: unusable topics, among them one with fewer than ``top`` words.

    Source: Bianchi, Terragni and Hovy 2021 (inverted RBO); Webber, Moffat and Zobel 2010, eq. 23
    (extrapolated rank-biased overlap of lists of one length).
    """
    if not 0 < p < 1:
        raise OptionError(f"irbo: p must lie between 0 and 1, both excluded, got {p!r}")
    words = top_words(topics, top, where="irbo")
    others = len(words) - 1
    rule = f"p = {p:g}, agreement extrapolated beyond word {top}"
    if others:
        overlap = _rank_biased_overlap(words, top, p)
        values = tuple(float(v) for v in 1 - (overlap.sum(1) - overlap.diagonal()) / others)
    else:
        values = (1.0,)
        rule += "; one topic has no pair to overlap with: 1 by definition"
    return Score(
        name="irbo",
        value=float(np.mean(values)),
        per_topic=values,
        reference=None,
        window=None,
        top=top,
        rule=rule,
        source="Bianchi et al. 2021; Webber et al. 2010, eq. 23",
    )


def _rank_biased_overlap(words: TopWords, top: int, p: float) -> NDArray[np.float64]:
    """(K, K) rank-biased overlap of every pair of topics, one sparse product a depth."""
    index = {word: number for number, word in enumerate(distinct_words(words))}
    ids = np.array([[index[word] for word in topic] for topic in words])
    rows = np.arange(len(words))[:, None]
    overlap = np.zeros((len(words), len(words)))
    for depth in range(1, top + 1):
        row, column = np.broadcast_arrays(rows, ids[:, :depth])
        present = sp.csr_array(
            (np.ones(row.size), (row.ravel(), column.ravel())), shape=(len(words), len(index))
        )
        agreement = (present @ present.T).toarray() / depth
        overlap += (1 - p) * p ** (depth - 1) * agreement
    return np.asarray(overlap + p**top * agreement, dtype=np.float64)
