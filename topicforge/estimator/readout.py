"""A fitted model's topics as lists of words, in the order of any ranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from topicforge.evaluation.rankings import (
    Occurrences,
    Ranking,
    check_ranking,
    ranked_by,
    top_columns,
    word_scores,
)
from topicforge.results import Topics
from topicforge.results.edits import EditedTopic, edited_occurrences, edited_topic_word

#: the ranking by the decoder's own scores: weights without a background bias, say
DECODER = "decoder"


@dataclass(frozen=True)
class Readout:
    """What rankings read of a model.

    Args:
        topic_word: (K, V) word distributions.
        decoder_scores: (K, V) the decoder's own scores.
        scored_by: the rule of those, in words.
        occurrences: gives the sums over the training documents and their theta.
        ranking: that of the model, where none is named.
        labels: topic -> its own label.
        hidden: topics that tables leave out.
    """

    topic_word: NDArray[np.float32]
    decoder_scores: NDArray[np.float32]
    scored_by: str
    occurrences: Callable[[], Occurrences]
    ranking: Ranking
    labels: Mapping[int, str] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()

    def edited(self, topics: Sequence[EditedTopic]) -> Readout:
        """Return the readout of the topics after edits.

        Args:
            topics: of :func:`~topicforge.results.edits.edited_topics`.
        """
        share = self.occurrences().topic
        word = edited_topic_word(topics, self.topic_word, share)
        same = self.decoder_scores is self.topic_word
        scores = word if same else edited_topic_word(topics, self.decoder_scores, share)
        return replace(
            self, topic_word=word, decoder_scores=scores,
            occurrences=partial(edited_occurrences, topics, self.occurrences()),
            labels={k: topic.label for k, topic in enumerate(topics) if topic.label is not None},
            hidden=frozenset(k for k, topic in enumerate(topics) if topic.hidden),
        )  # fmt: skip

    def scores(self, ranking: Ranking | None = None) -> NDArray[np.float32]:
        """Return (K, V) scores; higher is better.

        Raises:
            OptionError, UnknownNameError: no such ranking or option.
        """
        name, options = self._check(ranking)
        if name == DECODER:
            return self.decoder_scores
        # by probability the documents say nothing
        counted = None if name in ("probability", "frex") else self._counted()
        return word_scores(self.topic_word, (name, options), occurrences=counted)

    def view(self, vocabulary: tuple[str, ...] | None, ranking: Ranking | None = None) -> Topics:
        """Return the topics for the functions of :mod:`topicforge.results`.

        Args:
            vocabulary: V words, or ``None``.
            ranking: ``None`` for the model's own.
        """
        counted = self._counted()
        if counted is None:
            return Topics(self.topic_word, self.scores(ranking), vocabulary)
        share = counted.topic / counted.n_documents
        size = counted.largest.astype(np.int64)
        return Topics(
            self.topic_word,
            self.scores(ranking),
            vocabulary,
            share,
            size,
            dict(self.labels),
            self.hidden,
        )

    def ranked_by(self, ranking: Ranking | None = None) -> str:
        """Return what the ranking is, in words."""
        name, options = self._check(ranking)
        return self.scored_by if name == DECODER else ranked_by((name, options))

    def topics(
        self, top: int, words: Sequence[str] | None, ranking: Ranking | None = None
    ) -> list[list[str]] | list[list[int]]:
        """Return each topic's ``top`` words, best first; columns without ``words``."""
        order = top_columns(self.scores(ranking), top).tolist()
        return order if words is None else [[words[v] for v in row] for row in order]

    def _counted(self) -> Occurrences | None:
        """None for a model of format 1, which counted no words by topic."""
        counted = self.occurrences()
        return counted if counted.n_documents else None

    def _check(self, ranking: Ranking | None) -> tuple[str, dict[str, float]]:
        chosen = self.ranking if ranking is None else ranking
        return check_ranking(chosen, "TopicModel.topics", (DECODER,))


class Seen:
    """Word occurrences in all documents that partial fits have seen.

    A batch that comes twice in a row counts once, with the theta that it has now, so that partial fits on
    the same documents are one fit. A batch that comes again later counts again. Theta is inferred when
    the sums are first read, or before the network is trained on other documents.
    """

    def __init__(self, occurrences: Occurrences | None = None) -> None:
        self._before = occurrences
        self._checksum: str | None = None
        self._count: Callable[[], Occurrences] | None = None
        self._last: Occurrences | None = None

    def close(self, checksum: str) -> None:
        """Count the batch before, unless it is the one with this checksum, which comes again."""
        if self._checksum not in (None, checksum):
            self._before, self._checksum, self._count, self._last = self(), None, None, None

    def take(self, checksum: str, count: Callable[[], Occurrences]) -> None:
        """Add a batch of documents, known by their checksum; ``count`` gives its sums."""
        self.close(checksum)
        self._checksum, self._count, self._last = checksum, count, None

    def __call__(self) -> Occurrences:
        """Return the sums of everything."""
        if self._count is not None:
            self._last, self._count = self._count(), None
        if self._last is None or self._before is None:
            found = self._before if self._last is None else self._last
            assert found is not None
            return found
        return self._before + self._last
