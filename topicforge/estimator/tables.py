"""The methods of a fitted model that return tables; the functions are those of topicforge.results."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from topicforge import results
from topicforge.corpus import Analyzer
from topicforge.corpus.words import check_vocabulary
from topicforge.errors import InputError, OptionError
from topicforge.estimator.inputs import Input
from topicforge.estimator.labelers import find_labeler
from topicforge.estimator.readout import Readout
from topicforge.evaluation.rankings import Ranking
from topicforge.results import (
    ClassShare,
    DocumentRow,
    FoundTopic,
    Merge,
    Table,
    TimeShare,
    TopicRow,
    Topics,
)
from topicforge.results.edits import Edit, Edits, carried_over
from topicforge.results.labels import NEED_TEXTS, label_topics, summaries


class ModelTables:
    """Topics and documents as tables, see :mod:`topicforge.results`.

    ``X`` and ``features`` are those of :meth:`TopicModel.transform`. A :class:`~topicforge.results.Table`
    is a sequence of records with ``to_dicts``, ``to_pandas``, ``to_polars``, ``to_arrow`` and ``write``.
    """

    vocabulary_: tuple[str, ...] | None
    vectorizer_: Any
    n_features_in_: int
    _topic_word: NDArray[np.float32]
    _edits: list[Edit]

    @property
    def _fitted_readout(self) -> Readout:
        raise NotImplementedError

    @property
    def _readout(self) -> Readout:
        fitted = self._fitted_readout
        return fitted.edited(self.edits.topics) if self._edits else fitted

    @property
    def edits(self) -> Edits:
        """The edits of topics: ``model.edits.merge(3, 7)``, ``drop``, ``hide``, ``reduce``, ``undo``.

        They change what is read out, not the weights; see :class:`topicforge.results.edits.Edits`.
        """
        check_is_fitted(self, "network_")
        return Edits(len(self._topic_word), self._edits, lambda: self.topic_word_)

    @property
    def topic_word_(self) -> NDArray[np.float32]:
        """(K, V) word distributions, after the edits of topics."""
        check_is_fitted(self, "network_")
        return self._readout.topic_word if self._edits else self._topic_word

    @property
    def components_(self) -> NDArray[np.float32]:
        """``topic_word_`` under scikit-learn's name."""
        return self.topic_word_

    def _read_theta(self, X: Any, features: Any) -> tuple[Input, NDArray[np.float32]]:
        """The documents of X and their theta."""
        raise NotImplementedError

    def topics(
        self,
        top: int = 10,
        vocabulary: Sequence[str] | None = None,
        *,
        ranking: Ranking | None = None,
    ) -> list[list[str]] | list[list[int]]:
        """Return each topic's ``top`` words, best first.

        Args:
            top: words per topic; at most V.
            vocabulary: V words; ``None`` takes those of the fit. Without any, column numbers come.
            ranking: the order of the words; ``None`` for the model's ``ranking``. Every ranking of
                :mod:`topicforge.evaluation.rankings` can be had of every model, without another fit.

        Raises:
            OptionError, UnknownNameError: top below 1, or no such ranking or option.
        """
        check_is_fitted(self, "network_")
        if top < 1:
            raise OptionError(f"TopicModel.topics: top must be at least 1, got {top}")
        words = self.vocabulary_
        if vocabulary is not None:
            where = "TopicModel.topics"
            words = check_vocabulary(vocabulary, self.n_features_in_, where, phrases=True)
        return self._readout.topics(top, words, ranking)

    def ranked_by(self, ranking: Ranking | None = None) -> str:
        """Return what a ranking is, as a sentence; ``None`` for the model's own."""
        check_is_fitted(self, "network_")
        return self._readout.ranked_by(ranking)

    def set_vocabulary(self, words: Any) -> Self:
        """Give a model that was fitted to bare counts the words of its columns.

        A scikit-learn pipeline hands no words on:
        ``pipeline[-1].set_vocabulary(pipeline[:-1])``.

        Args:
            words: V words in column order, or what made the counts: a fitted vectoriser, or a pipeline of
                such. With a vectoriser the model also reads texts; it is saved where its settings are
                plain, see :meth:`topicforge.corpus.Analyzer.of`.

        Raises:
            InputError: another number of words than columns.
        """
        check_is_fitted(self, "network_")
        reads = hasattr(words, "get_feature_names_out") and hasattr(words, "transform")
        names = [str(word) for word in words.get_feature_names_out()] if reads else words
        where = "TopicModel.set_vocabulary"
        self.vocabulary_ = check_vocabulary(names, self.n_features_in_, where, phrases=True)
        if reads:
            self.vectorizer_ = words
        return self

    @property
    def word_scores_(self) -> NDArray[np.float32]:
        """(K, V) scores by which :meth:`topics` ranks words."""
        check_is_fitted(self, "network_")
        return self._readout.scores()

    def topic_table(
        self,
        X: Any = None,
        *,
        top: int = 10,
        ranking: Ranking | None = None,
        features: Any = None,
    ) -> Table[TopicRow]:
        """Return one record per topic: label, share, size, words, coherence, nearest topic, state.

        Args:
            X: documents to take share, size and coherence from; ``None``: share and size are those of
                the training documents, and there is no coherence.
            top: words per topic.
            ranking: the order of the words, as in :meth:`topics`.
            features: (N, F), where the fit had them.

        Returns:
            Records :class:`~topicforge.results.TopicRow`.
        """
        topics, bow = self._topics(ranking), None
        if X is not None:
            read, theta = self._read_theta(X, features)
            worded = theta[~_empty(read)]
            size = np.bincount(worded.argmax(1), minlength=len(topics)) if len(worded) else None
            share = worded.mean(0, dtype=np.float64) if len(worded) else None
            topics = replace(topics, share=share, size=size)
            bow = read.documents.counts.to_scipy()
        return results.topic_table(topics, bow=bow, top=top)

    def document_table(
        self,
        X: Any,
        *,
        top: int = 3,
        features: Any = None,
        texts: Sequence[str] | None = None,
    ) -> Table[DocumentRow]:
        """Return one record per document: its largest topics and their shares.

        Args:
            X: documents; where they are texts, each record holds the begin of its text.
            top: topics per document.
            features: (N, F), where the fit had them.
            texts: N texts, where X holds counts.
        """
        read, theta = self._read_theta(X, features)
        return results.document_table(
            self._topics(), theta, empty=_empty(read), top=top, texts=_texts(read, texts)
        )

    def topic_documents(
        self,
        topic: int,
        n: int = 5,
        X: Any = None,
        *,
        features: Any = None,
        texts: Sequence[str] | None = None,
    ) -> Table[DocumentRow]:
        """Return the ``n`` documents with the largest share of a topic, largest first.

        Args:
            topic: its number.
            n: number of documents.
            X: documents; they must be given, for a model keeps none.
            features: (N, F), where the fit had them.
            texts: N texts, where X holds counts.

        Raises:
            InputError: no documents.
            OptionError: no such topic.
        """
        if X is None:
            raise InputError(
                "TopicModel.topic_documents: documents must be given, for a model keeps none: "
                "topic_documents(topic, n, X)"
            )
        self._topics().check(topic, "TopicModel.topic_documents")
        read, theta = self._read_theta(X, features)
        return results.topic_documents(
            self._topics(), theta, topic, n, empty=_empty(read), texts=_texts(read, texts)
        )

    def find_topics(self, phrase: str, n: int = 5, *, top: int = 10) -> Table[FoundTopic]:
        """Return the topics that the words of a phrase speak for, best first, with p(topic | words).

        The phrase is cut as the texts of the fit were; a word that the vocabulary lacks is left out, and
        a warning names it. See :func:`topicforge.results.find_topics`.

        Args:
            phrase: a word or several.
            n: number of topics.
            top: words per topic.

        Raises:
            InputError: no word is in the vocabulary.
        """
        topics = self._topics()
        known = set(topics.vocabulary or ())
        words = phrase.split()
        if not known.issuperset(words) and self.vectorizer_ is not None:
            cut = self.vectorizer_.build_analyzer()(phrase)
            words = list(dict.fromkeys(cut)) or words
        table, unknown = results.find_topics(topics, words, n=n, top=top)
        if unknown:
            warnings.warn(
                f"TopicModel.find_topics: the vocabulary lacks {', '.join(map(repr, unknown))}",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        return table

    def label_topics(
        self,
        labels: Any,
        X: Any = None,
        *,
        texts: Sequence[str] | None = None,
        features: Any = None,
    ) -> list[str]:
        """Give topics labels, one edit that ``model.edits.undo()`` takes back.

        Args:
            labels: ``{topic: label}``; or how labels are made: ``"words"`` (the first three words),
                ``"frex"`` (three distinctive words), ``"phrases"`` (two distinctive phrases), ``"titles"``
                (the first line of the document with the largest share), the name of a plugin's
                labeler or ``(name, {option: value})``, or a function
                :class:`~topicforge.plugin.TopicSummary` -> label.
            X: documents for phrases, titles and labelers that read documents.
            texts: N texts, where X holds counts.
            features: (N, F), where the fit had them.

        Returns:
            The labels of all K topics. A topic for which a labeler failed keeps the label that it had, and
            a warning says why.

        Raises:
            InputError: phrases or titles without texts.
            OptionError, UnknownNameError: no such topic, labeler or option; a label that is no line.
        """
        if isinstance(labels, Mapping):
            self.edits.label(labels)
            return self._topics().names()
        labeler = find_labeler(labels)
        given: dict[str, Any] = {}
        if X is not None:
            read, theta = self._read_theta(X, features)
            given = {"texts": _texts(read, texts), "theta": theta}
        if labels in NEED_TEXTS and given.get("texts") is None:
            raise InputError(
                f"TopicModel.label_topics: {labels!r} needs texts: label_topics({labels!r}, texts)"
            )
        if self.vectorizer_ is not None and hasattr(self.vectorizer_, "build_analyzer"):
            given["analyse"] = self.vectorizer_.build_analyzer()
            language = getattr(Analyzer.of(self.vectorizer_), "language", "")
            given["joined_by"] = "" if language == "zh" else " "
        found, failures = label_topics(summaries(self._topics(), **given), labeler)
        if found:
            self.edits.label(found)
        if failures:
            said = "; ".join(f"topic {k}: {why}" for k, why in failures.items())
            warnings.warn(
                f"TopicModel.label_topics: {len(failures)} of {len(found) + len(failures)} topics keep "
                f"the label that they had ({said})",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        return self._topics().names()

    def topic_correlation(self, X: Any, *, features: Any = None) -> NDArray[np.float64]:
        """Return the (K, K) correlation of topics over documents that have words.

        See :func:`topicforge.results.correlation`.
        """
        read, theta = self._read_theta(X, features)
        return results.correlation(theta[~_empty(read)])

    def topics_per_class(
        self, X: Any, labels: Iterable[Any], *, features: Any = None
    ) -> Table[ClassShare]:
        """Return the mean share of each topic in each class; documents without a label are left out.

        See :func:`topicforge.results.topics_per_class`.
        """
        _, theta = self._read_theta(X, features)
        return results.topics_per_class(self._topics(), theta, labels)

    def topics_over_time(
        self,
        X: Any,
        times: Iterable[Any],
        *,
        bins: int | str | None = None,
        features: Any = None,
    ) -> Table[TimeShare]:
        """Return the mean share of each topic in each interval of time.

        See :func:`topicforge.results.topics_over_time` for ``times`` and ``bins``.
        """
        _, theta = self._read_theta(X, features)
        return results.topics_over_time(self._topics(), theta, times, bins=bins)

    def hierarchy(self, *, distance: str = "hellinger", method: str = "average") -> Table[Merge]:
        """Return the K - 1 steps in which topics are joined, the nearest first.

        See :func:`topicforge.results.hierarchy`.
        """
        return results.hierarchy(self._topics().topic_word, distance=distance, method=method)

    def _topics(self, ranking: Ranking | None = None) -> Topics:
        check_is_fitted(self, "network_")
        return self._readout.view(self.vocabulary_, ranking)


def _empty(read: Input) -> NDArray[np.bool_]:
    """(N,) documents that theta says nothing of: without words, and without features."""
    lengths = read.documents.counts.lengths()
    return (
        np.zeros(len(lengths), dtype=bool) if read.documents.features is not None else lengths == 0
    )


def _texts(read: Input, texts: Sequence[str] | None) -> Sequence[str] | None:
    """The texts of documents: those handed in, or those that X is."""
    if texts is None:
        return read.texts
    if len(texts) != len(read.documents):
        raise InputError(
            f"TopicModel: there must be one text per document: {len(read.documents)} documents, "
            f"{len(texts)} texts"
        )
    return texts


def carry_edits(
    edits: Sequence[Edit],
    old: tuple[NDArray[np.float32], Sequence[str] | None],
    new: tuple[NDArray[np.float32], Sequence[str] | None],
) -> tuple[Edit, ...]:
    """Return the edits of one fit in terms of the topics of the next, and say in a warning which are kept.

    Args:
        edits: of the old fit.
        old: its (K, V) word distributions and words.
        new: those of the new one; only words of both fits are compared.
    """
    (old_word, old_names), (new_word, new_names) = old, new
    if old_names is not None and new_names is not None and tuple(old_names) != tuple(new_names):
        column = {word: v for v, word in enumerate(new_names)}
        both = [(v, column[word]) for v, word in enumerate(old_names) if word in column]
        old_word, new_word = old_word[:, [a for a, _ in both]], new_word[:, [b for _, b in both]]
    kept: tuple[Edit, ...] = ()
    lost = tuple(edits)
    if old_word.shape[1] == new_word.shape[1]:
        kept, lost = carried_over(edits, old_word, new_word)
    warnings.warn(
        f"TopicModel.fit: {len(kept)} of {len(edits)} edits are kept, for topics that match "
        f"({'; '.join(map(str, kept)) or 'none'})"
        + (f"; left out: {'; '.join(map(str, lost))}" if lost else ""),
        UserWarning, stacklevel=4,
    )  # fmt: skip
    return kept
