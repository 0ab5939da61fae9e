"""Reference corpora: counts, their vocabulary, tokenised texts; checked before use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from topicforge.errors import InputError


def check_counts(bow: Any, *, where: str, name: str = "bow") -> sp.csr_array:
    """Return counts as CSR after checking them; nothing dense is made of a sparse input.

    Args:
        bow: (N, V) counts, scipy sparse in any format, or a dense array.
        where: the caller's name, for messages.
        name: what the caller calls the counts.

    Returns:
        (N, V) CSR; a view of the caller's arrays where they were CSR already.

    Raises:
        InputError: not two-dimensional, not numbers, NaN, infinite or negative entries, no
            documents or no entry above zero.
    """
    if not sp.issparse(bow):
        try:
            bow = np.asarray(bow)
        except ValueError as error:  # ragged lists
            raise InputError(f"{where}: {name} must be a (documents, words) matrix") from error
    if bow.ndim != 2:
        raise InputError(
            f"{where}: {name} must be a (documents, words) matrix, got {bow.ndim} dimension(s)"
        )
    if bow.dtype.kind not in "biuf":
        raise InputError(f"{where}: {name} must hold counts, got values of type {bow.dtype}")
    if bow.dtype.kind in "bui" and bow.dtype.itemsize < 4:
        # entries of one word are summed, and 200 + 100 is 44 in uint8
        bow = bow.astype(np.int64)
    counts = sp.csr_array(bow)
    if counts.shape[0] == 0 or counts.nnz == 0 or not counts.data.any():
        raise InputError(
            f"{where}: {name} must hold at least one document with a word in it, "
            f"got an empty corpus of shape {counts.shape}"
        )
    # NaN fails every comparison, so the test is written for what must hold
    wrong = ~(np.isfinite(counts.data) & (counts.data >= 0))
    if wrong.any():
        raise InputError(
            f"{where}: {name} must hold finite counts of zero or more, got "
            f"{counts.data[wrong][0]} among {int(wrong.sum())} such entries"
        )
    return counts


def check_vocabulary(vocabulary: Sequence[str], size: int, *, where: str) -> dict[str, int]:
    """Return word → column after checking that the words name ``size`` columns, each once.

    Args:
        vocabulary: V words in the order of the columns.
        size: V, columns of the counts.
        where: the caller's name, for messages.

    Raises:
        InputError: another number of words, repeated words, or not a list of words.
    """
    if isinstance(vocabulary, str | dict):
        raise InputError(
            f"{where}: vocabulary must be a list of words in column order, "
            f"got a {type(vocabulary).__name__}"
        )
    words = list(vocabulary)
    if len(words) != size:
        raise InputError(
            f"{where}: vocabulary must name every column of bow: {size} columns, {len(words)} words"
        )
    column = {word: number for number, word in enumerate(words)}
    if len(column) != size:
        twice = next(word for number, word in enumerate(words) if column[word] != number)
        raise InputError(f"{where}: vocabulary must name each column once, {twice!r} comes twice")
    return column


def check_texts(texts: Iterable[Sequence[str]], *, where: str) -> Iterator[Sequence[str]]:
    """Yield the tokenised texts one by one, refusing those that are not lists of tokens.

    Args:
        texts: documents, each a sequence of tokens in reading order.
        where: the caller's name, for messages.

    Raises:
        InputError: a text that is one string (it would be read letter by letter) or not a sequence.
    """
    for number, text in enumerate(texts):
        if isinstance(text, str) or not isinstance(text, Sequence | np.ndarray):
            raise InputError(
                f"{where}: text {number} must be a list of tokens, got a {type(text).__name__}; "
                "for text already segmented by spaces use [line.split() for line in texts]"
            )
        yield text


def describe(reference: str | None, amount: int, unit: str) -> str:
    """Return ``"<reference>, <amount> <unit>"``, the way a score names its corpus."""
    counted = f"{amount:,} {unit}"
    return f"{reference}, {counted}" if reference else counted
