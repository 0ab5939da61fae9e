"""Leaving out words that are too rare, too common, or too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.corpus.counts import Counts
from topicforge.corpus.stop_words import stop_words_of
from topicforge.errors import InputError, OptionError


@dataclass(frozen=True)
class Pruning:
    """Keep the words with min_df <= df <= max_df, df the number of documents with the word.

    Args:
        min_df: a number of documents, or a share of N as a float up to 1.0; ``None``: 1 below 100
            documents, 2 below 1,000, else 5.
        max_df: likewise; ``None``: 1.0 below 100 documents, else 0.5.
        max_features: of the words left, keep those with the highest totals; ties go to the first.
        stop_words: words to leave out of counts whatever their frequency, or the language whose stop
            words these are. Those of texts are the analyser's.

    Raises:
        OptionError: a limit outside its domain.
    """

    min_df: int | float | None = None
    max_df: int | float | None = None
    max_features: int | None = None
    stop_words: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        for limit, name in ((self.min_df, "min_df"), (self.max_df, "max_df")):
            if limit is not None:
                _documents(limit, 1, name)
        most = self.max_features
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            raise OptionError(f"max_features must be at least 1 or None, got {most!r}")

    def limits(self, n_documents: int) -> dict[str, int | float | None]:
        """Return the limits that hold for N documents, by name."""
        n = n_documents
        least = (1 if n < 100 else 2 if n < 1000 else 5) if self.min_df is None else self.min_df
        most = (1.0 if n < 100 else 0.5) if self.max_df is None else self.max_df
        return {"min_df": least, "max_df": most, "max_features": self.max_features}

    def frequent(self, frequency: Any, n_documents: int) -> Any:
        """Return whether each document frequency lies within the limits.

        Args:
            frequency: df of a word, or of many as an array.
            n_documents: N.
        """
        limits = self.limits(n_documents)
        least = _documents(limits["min_df"], n_documents, "min_df")
        most = _documents(limits["max_df"], n_documents, "max_df")
        return (least <= frequency) & (frequency <= most)

    def top(self, totals: NDArray[Any]) -> NDArray[np.int64]:
        """Return which of the words that are left stay, rising: those of the highest totals."""
        order = np.argsort(-np.asarray(totals, dtype=np.float64), kind="stable")
        return np.sort(order[: self.max_features])

    def none_left(self, n_words: int, n_documents: int) -> InputError:
        """Return the error for limits that leave no word."""
        limits = self.limits(n_documents)
        return InputError(
            f"no word is left of {n_words}: min_df={limits['min_df']} and max_df={limits['max_df']} of "
            f"{n_documents} documents; lower min_df, raise max_df, or choose the language the texts are "
            "written in"
        )

    def columns(self, counts: Counts, vocabulary: Sequence[str] | None) -> NDArray[np.int64]:
        """Return which columns of counts stay, rising.

        Args:
            counts: N documents over V words.
            vocabulary: V words, or ``None``.

        Raises:
            OptionError: stop words without a vocabulary, or of an unknown language.
            InputError: no word is left.
        """
        kept = self.frequent(counts.document_frequencies(), counts.n_documents)
        if self.stop_words is not None:
            if vocabulary is None:
                raise OptionError("stop_words need the vocabulary of the counts; name it")
            language = isinstance(self.stop_words, str)
            stops = set(stop_words_of(
                str(self.stop_words) if language else None,
                "language" if language else self.stop_words,
            ))  # fmt: skip
            kept &= np.fromiter((word not in stops for word in vocabulary), bool, len(vocabulary))
        chosen = np.flatnonzero(kept)
        if not len(chosen):
            raise self.none_left(counts.vocab_size, counts.n_documents)
        if self.max_features is not None:
            chosen = chosen[self.top(counts.word_totals()[chosen])]
        return chosen


def prune(
    counts: Counts, vocabulary: tuple[str, ...] | None, pruning: Pruning
) -> tuple[Counts, tuple[str, ...] | None]:
    """Keep the columns that ``pruning`` chooses, in their order.

    No document is left out, so some may become empty.

    Args:
        counts: N documents over V words.
        vocabulary: V words, or ``None``.
        pruning: the limits.

    Raises:
        OptionError: see :meth:`Pruning.columns`.
        InputError: no word is left.
    """
    chosen = pruning.columns(counts, vocabulary)
    if len(chosen) == counts.vocab_size:
        return counts, vocabulary
    column = np.full(counts.vocab_size, -1, dtype=np.int32)
    column[chosen] = np.arange(len(chosen), dtype=np.int32)
    words = None if vocabulary is None else tuple(vocabulary[i] for i in chosen)
    return Counts.from_matrix(moved(counts.to_scipy(), column, len(chosen)), "prune"), words


def moved(matrix: Any, column: NDArray[Any], size: int) -> Any:
    """Return counts over other columns, (N, size) CSR; what meets in a column is not summed yet.

    Args:
        matrix: (N, V) CSR.
        column: (V,) where each column goes, -1 for nowhere.
        size: number of columns there.
    """
    places = column[matrix.indices]
    kept = places >= 0
    indptr = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return sp.csr_array((matrix.data[kept], places[kept], indptr), shape=(matrix.shape[0], size))


def _documents(limit: Any, n_documents: int, name: str) -> float:
    """Return a limit as a number of documents."""
    if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1:
        return limit
    if isinstance(limit, float) and 0.0 <= limit <= 1.0:
        return limit * n_documents
    raise OptionError(
        f"{name} must be a number of documents (an integer of 1 or more) or a share of them (a float "
        f"from 0.0 to 1.0), got {limit!r}"
    )
