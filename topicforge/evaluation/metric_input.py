"""The one argument of every metric: what an evaluation was given, checked when it is read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.errors import InputError
from topicforge.evaluation.cooccurrence import (
    Cooccurrence,
    distinct_words,
    document_cooccurrence,
)
from topicforge.evaluation.perplexity import Completion, Transform
from topicforge.evaluation.proportions import check_proportions
from topicforge.evaluation.reference import check_counts
from topicforge.evaluation.topics import TopWords, listed_topics, top_words

T = TypeVar("T")

#: what a metric may need beside the topics
INPUTS = (
    "vocabulary",
    "bow",
    "word_vectors",
    "texts",
    "theta",
    "labels",
    "transform",
    "topic_word",
    "completion",
    "heldout",
    "halves",
)


class MetricInput:
    """Topics, and whatever else there is of counts, texts, theta, labels and the model.

    Reading an input checks it, once. An input that was not given can't be read, so a metric says in
    ``needs`` what it reads, and is then only called where that is there; what it can do without it
    asks :meth:`has` for. Nothing here may be written to: all metrics of an evaluation share it.

    Args:
        topics: K lists of words, the most probable first.
        vocabulary: V words, the columns of ``bow``.
        bow: (N, V) counts of the reference corpus, scipy sparse or dense.
        word_vectors: (V, E) vectors of the vocabulary's words, zeros where one has none.
        texts: reference documents as lists of tokens.
        theta: (M, K') topic proportions of labelled documents.
        labels: M labels.
        transform: (M, V) CSR counts → (M, K) theta.
        topic_word: (K, V) probabilities.
        completion: first and second halves → (M,) the model's log-likelihood of the second.
        heldout: (M, V) counts.
        halves: two (M, V) halves of held-out counts.
        top: words per topic.
        reference: name of the corpus behind ``bow``.
        texts_reference: name of the one behind ``texts``; None for the same.
        documents: name of those behind ``theta``, ``labels``, ``heldout`` and ``halves``.

    Raises:
        InputError: topics are not lists, or texts can be read only once.
    """

    def __init__(
        self,
        topics: Any,
        *,
        vocabulary: Sequence[str] | None = None,
        bow: Any = None,
        word_vectors: Any = None,
        texts: Sequence[Sequence[str]] | None = None,
        theta: Any = None,
        labels: Sequence[Hashable] | None = None,
        transform: Transform | None = None,
        topic_word: Any = None,
        completion: Completion | None = None,
        heldout: Any = None,
        halves: tuple[Any, Any] | None = None,
        top: int = 10,
        reference: str | None = None,
        texts_reference: str | None = None,
        documents: str | None = None,
    ) -> None:
        self.topics: tuple[Sequence[str], ...] = listed_topics(topics, where="evaluate")
        if isinstance(texts, Iterator):
            raise InputError(
                "evaluate: texts must be a list, because several metrics read it; "
                "got an iterator, which can be read once: pass list(texts)"
            )
        self.top = top
        self.reference = reference
        self.texts_reference = texts_reference or reference
        self.documents = documents
        self._given = {
            "vocabulary": vocabulary, "bow": bow, "word_vectors": word_vectors,
            "texts": texts, "theta": theta, "labels": labels,
            "transform": transform, "topic_word": topic_word, "completion": completion,
            "heldout": heldout, "halves": halves,
        }  # fmt: skip
        self._made: dict[Hashable, Any] = {}

    def has(self, name: str) -> bool:
        """Return whether an input of :data:`INPUTS` was given."""
        return self._given[name] is not None

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return ``make()``, made at the first call with ``key`` and shared by all metrics.

        Args:
            key: begins with the metric's package, so that two packages' keys differ.
            make: what is costly and serves several metrics.
        """
        if key not in self._made:
            self._made[key] = make()
        return cast(T, self._made[key])

    @cached_property
    def words(self) -> TopWords:
        """The first ``top`` words of each topic, distinct, at least two.

        Raises:
            InputError: a topic is shorter, or names a word twice.
            OptionError: ``top`` is not a whole number of at least 2.
        """
        return top_words(self.topics, self.top, where="evaluate", least=2)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """V words, the columns of ``bow``."""
        return tuple(self._read("vocabulary"))

    @cached_property
    def bow(self) -> sp.csr_array:
        """(N, V) finite counts >= 0 of the reference corpus, at least one of them above zero."""
        return check_counts(self._read("bow"), where="evaluate")

    @property
    def word_vectors(self) -> Any:
        """(V, E) vectors of the vocabulary's words, as given."""
        return self._read("word_vectors")

    @cached_property
    def cooccurrence(self) -> Cooccurrence:
        """In how many documents of ``bow`` the ``words`` occur, alone and in pairs."""
        words = distinct_words(self.words)
        return document_cooccurrence(words, self.bow, self.vocabulary, reference=self.reference)

    @property
    def texts(self) -> Sequence[Sequence[str]]:
        """The reference documents as lists of tokens, in reading order."""
        return cast(Sequence[Sequence[str]], self._read("texts"))

    @cached_property
    def theta(self) -> NDArray[np.floating[Any]]:
        """(M, K') topic proportions: finite, >= 0, rows sum to one."""
        return check_proportions(self._read("theta"), where="evaluate", name="theta")

    @property
    def labels(self) -> Sequence[Hashable]:
        """M labels."""
        return cast(Sequence[Hashable], self._read("labels"))

    @property
    def transform(self) -> Transform:
        """(M, V) CSR counts → (M, K) theta."""
        return cast(Transform, self._read("transform"))

    @cached_property
    def topic_word(self) -> NDArray[np.floating[Any]]:
        """(K, V) probabilities: finite, >= 0, rows sum to one."""
        return check_proportions(self._read("topic_word"), where="evaluate", name="topic_word")

    @property
    def completion(self) -> Completion:
        """(M, V) CSR counts of first and of second halves → (M,) log-likelihood of the second."""
        return cast(Completion, self._read("completion"))

    @cached_property
    def heldout(self) -> sp.csr_array:
        """(M, V) finite counts >= 0 of held-out documents."""
        return check_counts(self._read("heldout"), where="evaluate", name="heldout")

    @property
    def halves(self) -> tuple[Any, Any]:
        """Two (M, V) halves of held-out documents, as given."""
        return cast(tuple[Any, Any], self._read("halves"))

    def _read(self, name: str) -> Any:
        value = self._given[name]
        if value is None:
            raise InputError(
                f"evaluate: {name} was not given; a metric that reads it must say so in needs, or "
                f"ask has({name!r}) first"
            )
        return value
