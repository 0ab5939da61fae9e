"""Topics as records, and topics found by words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError, OptionError, did_you_mean
from topicforge.evaluation import npmi
from topicforge.evaluation.rankings import top_columns
from topicforge.results.similarity import similarity
from topicforge.results.table import Table

#: a topic with this share of its top words in a topic before it is that topic's duplicate
DUPLICATE = 0.8
_LABEL_WORDS = 3
#: words per topic that are sorted once
_FIRST = 25


@dataclass(frozen=True, eq=False)
class Topics:
    """The K topics of a model.

    Args:
        topic_word: (K, V) word distributions, rows sum to one.
        word_scores: (K, V) scores by which a topic's words are ranked.
        vocabulary: V words, or ``None``: words are column numbers.
        share: (K,) mean of theta over documents, or ``None`` where it is not known.
        size: (K,) number of documents whose largest topic it is, or ``None``.
        labels: names of topics by number; the others are called by their first words.
        hidden: numbers of the topics that tables leave out.
    """

    topic_word: NDArray[np.float32]
    word_scores: NDArray[np.float32]
    vocabulary: tuple[str, ...] | None
    share: NDArray[np.float64] | None = None
    size: NDArray[np.int64] | None = None
    labels: dict[int, str] | None = None
    hidden: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return int(self.topic_word.shape[0])

    @property
    def shown(self) -> list[int]:
        """The numbers of the topics that are not hidden."""
        return [k for k in range(len(self)) if k not in self.hidden]

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        return top_columns(self.word_scores, _FIRST)

    def columns(self, top: int) -> NDArray[np.int64]:
        """Return the (K, top) columns of each topic's words, best first."""
        return self._first[:, :top] if top <= _FIRST else top_columns(self.word_scores, top)

    def words(self, top: int) -> list[tuple[str, ...]]:
        """Return each topic's ``top`` words, best first."""
        words, order = self.vocabulary, self.columns(top)
        return [tuple(str(v) if words is None else words[v] for v in row) for row in order]

    def names(self) -> list[str]:
        """Return each topic's label, or its first three words joined by commas."""
        own = self.labels or {}
        return [own.get(k, ", ".join(w)) for k, w in enumerate(self.words(_LABEL_WORDS))]

    def check(self, topic: Any, where: str) -> int:
        """Return the number of a topic.

        Raises:
            OptionError: there is no such topic.
        """
        if isinstance(topic, bool) or not isinstance(topic, (int, np.integer)):
            raise OptionError(f"{where}: a topic must be a whole number, got {topic!r}")
        if not 0 <= topic < len(self):
            raise OptionError(f"{where}: topics are numbered 0 to {len(self) - 1}, got {topic}")
        return int(topic)


@dataclass(frozen=True)
class TopicRow:
    """One topic.

    Args:
        topic: its number k, its column of theta.
        label: its name.
        share: mean of theta_k over the documents.
        size: number of documents whose largest topic it is.
        words: its top words, best first.
        weights: p(word | topic) of each of them.
        coherence: NPMI of its top words, at most ten, in the documents handed in; ``None`` without documents.
        nearest: number of the topic that is most similar; ``None`` where there is one topic.
        similarity: with the nearest, in [0, 1], see :func:`topicforge.results.similarity`.
        state: ``"dead"`` where it is the largest topic of no document, ``"duplicate of j"`` where at
            least 80 % of its ten top words (at most half of the vocabulary) are among those of topic
            j < k, else empty.
    """

    topic: int
    label: str
    share: float | None
    size: int | None
    words: tuple[str, ...]
    weights: tuple[float, ...]
    coherence: float | None
    nearest: int | None
    similarity: float | None
    state: str


@dataclass(frozen=True)
class FoundTopic:
    """One topic of a search.

    Args:
        topic: its number.
        label: its name.
        score: p(topic | words), in [0, 1]; over all topics the scores sum to one.
        words: its top words, best first.
    """

    topic: int
    label: str
    score: float
    words: tuple[str, ...]


def topic_table(topics: Topics, *, bow: Any = None, top: int = 10) -> Table[TopicRow]:
    """Return one record per topic that is not hidden, in the order of their numbers.

    Args:
        topics: with share and size where they are known.
        bow: (N, V) sparse counts for the coherence, or ``None``.
        top: words per topic.

    Raises:
        OptionError: ``top`` is below one.
    """
    check_top(top, "topic_table")
    order, names, words = topics.columns(top), topics.names(), topics.words(top)
    ten = topics.words(10)
    coherence: Sequence[float | None] = [None] * len(topics)
    if bow is not None and len(ten[0]) > 1 and bow.nnz:
        known = topics.vocabulary or [str(v) for v in range(topics.topic_word.shape[1])]
        coherence = npmi(ten, bow, known, top=len(ten[0])).per_topic or coherence
    # of a vocabulary below twenty words, ten would be most words of every topic
    own = [set(words[: max(1, topics.topic_word.shape[1] // 2)]) for words in ten]
    alike = similarity(topics.topic_word)
    np.fill_diagonal(alike, -1)
    several = len(topics) > 1
    nearest = [int(j) for j in alike.argmax(1)]
    return Table(
        TopicRow,
        (
            TopicRow(
                topic=k,
                label=names[k],
                share=None if topics.share is None else float(topics.share[k]),
                size=None if topics.size is None else int(topics.size[k]),
                words=words[k],
                weights=tuple(float(topics.topic_word[k, v]) for v in order[k]),
                coherence=coherence[k],
                nearest=nearest[k] if several else None,
                similarity=float(alike[k, nearest[k]]) if several else None,
                state=_state(topics, own, k),
            )
            for k in topics.shown
        ),
    )


def _state(topics: Topics, own: Sequence[set[str]], k: int) -> str:
    if topics.size is not None and topics.size[k] == 0:
        return "dead"
    common = [len(own[k] & own[j]) / len(own[k]) for j in range(k)]
    first = next((j for j, share in enumerate(common) if share >= DUPLICATE), None)
    return "" if first is None else f"duplicate of {first}"


def find_topics(
    topics: Topics, words: Sequence[str], *, n: int = 5, top: int = 10
) -> tuple[Table[FoundTopic], tuple[str, ...]]:
    """Return the topics that words speak for, best first, and the words that are not known.

        p(k | w_1 .. w_m) = s_k prod_i p(w_i | k) / sum_j s_j prod_i p(w_i | j)

    That is Bayes' rule for words drawn independently from one topic, with the topics' shares s as their
    prior; where no shares are known, all are equal.

    Args:
        topics: hidden ones are not searched.
        words: in the vocabulary, or not; at least one.
        n: number of topics.
        top: words per topic.

    Raises:
        InputError: no word, or none of them is in the vocabulary; the message names near ones.
        OptionError: ``n`` or ``top`` is below one.
    """
    check_top(n, "find_topics", "n")
    check_top(top, "find_topics")
    if topics.vocabulary is None:
        raise InputError("find_topics: the model must have a vocabulary, and has none")
    column = {word: v for v, word in enumerate(topics.vocabulary)}
    unknown = tuple(word for word in words if word not in column)
    known = [column[word] for word in words if word in column]
    if not known:
        said = ", ".join(map(repr, unknown)) or "no word"
        near = did_you_mean(unknown[0], topics.vocabulary) if unknown else ""
        raise InputError(
            f"find_topics: at least one word must be in the vocabulary, got {said}.{near}"
        )
    shown = topics.shown
    share = np.ones(len(topics)) if topics.share is None else topics.share
    with np.errstate(divide="ignore"):
        log = np.log(topics.topic_word[:, known].astype(np.float64)).sum(1) + np.log(share)
    log = log[shown]
    # -inf for all: no topic can have all of the words
    score = np.exp(log - log.max()) if np.isfinite(log.max(initial=-np.inf)) else np.zeros(len(log))
    score /= max(score.sum(), np.finfo(np.float64).tiny)
    names, listed = topics.names(), topics.words(top)
    best = np.argsort(-score, kind="stable")[:n]
    rows = (FoundTopic(shown[i], names[shown[i]], float(score[i]), listed[shown[i]]) for i in best)
    return Table(FoundTopic, rows), unknown


def check_top(top: Any, where: str, name: str = "top") -> None:
    """Refuse a number of words, topics or documents below one.

    Raises:
        OptionError: it is.
    """
    if isinstance(top, bool) or not isinstance(top, (int, np.integer)) or top < 1:
        raise OptionError(f"{where}: {name} must be a whole number of at least 1, got {top!r}")
