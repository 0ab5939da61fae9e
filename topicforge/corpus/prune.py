"""Leaving out words that are too rare, too common, or too many."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import scipy.sparse as sp

from topicforge.corpus.counts import Counts
from topicforge.errors import InputError, OptionError


def prune(
    counts: Counts,
    vocabulary: tuple[str, ...] | None,
    *,
    min_df: int | float = 1,
    max_df: int | float = 1.0,
    max_features: int | None = None,
    stop_words: Set[str] = frozenset(),
) -> tuple[Counts, tuple[str, ...] | None]:
    """Keep the words with min_df <= df <= max_df, df the number of documents with the word.

    The order of the remaining words stays; no document is left out, so some may become empty.

    Args:
        counts: N documents over V words.
        vocabulary: V words, or ``None``.
        min_df: a number of documents, or a share of N as a float up to 1.0.
        max_df: likewise.
        max_features: of the words left, keep those with the highest totals; ties go to the first.
        stop_words: words to leave out, whatever their frequency.

    Raises:
        OptionError: a limit outside its domain, or stop words without a vocabulary.
        InputError: no word is left.
    """
    n = counts.n_documents
    least, most = document_limit(min_df, n, "min_df"), document_limit(max_df, n, "max_df")
    if max_features is not None and (isinstance(max_features, bool) or max_features < 1):
        raise OptionError(f"max_features must be at least 1 or None, got {max_features!r}")
    if stop_words and vocabulary is None:
        raise OptionError("stop_words need the vocabulary of the counts; name it with vocab")
    frequency = counts.document_frequencies()
    kept = (frequency >= least) & (frequency <= most)
    if vocabulary is not None and stop_words:
        kept &= np.fromiter((word not in stop_words for word in vocabulary), bool, len(vocabulary))
    chosen = np.flatnonzero(kept)
    if max_features is not None and len(chosen) > max_features:
        order = np.argsort(-counts.word_totals()[chosen], kind="stable")
        chosen = np.sort(chosen[order[:max_features]])
    if not len(chosen):
        raise InputError(
            f"no word is left of {counts.vocab_size}: min_df={min_df} asks for {least:g} documents or "
            f"more, max_df={max_df} for {most:g} or fewer, of {n}; lower min_df or raise max_df"
        )
    if len(chosen) == counts.vocab_size:
        return counts, vocabulary
    column = np.full(counts.vocab_size, -1, dtype=np.int32)
    column[chosen] = np.arange(len(chosen), dtype=np.int32)
    moved = column[counts.indices]
    left = moved >= 0
    indptr = np.concatenate([[0], np.cumsum(left)])[counts.indptr]
    smaller = sp.csr_array((counts.counts[left], moved[left], indptr), shape=(n, len(chosen)))
    words = None if vocabulary is None else tuple(vocabulary[i] for i in chosen)
    return Counts.from_matrix(smaller, "prune"), words


def document_limit(limit: int | float, n_documents: int, name: str) -> float:
    """Return a limit as a number of documents.

    Args:
        limit: an integer >= 1, or a share in [0, 1] as a float.
        n_documents: N.
        name: of the option, for messages.

    Raises:
        OptionError: anything else.
    """
    if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1:
        return limit
    if isinstance(limit, float) and 0.0 <= limit <= 1.0:
        return limit * n_documents
    raise OptionError(
        f"{name} must be a number of documents (an integer of 1 or more) or a share of them (a float "
        f"from 0.0 to 1.0), got {limit!r}"
    )
