"""How often words occur together in documents, counted for the words requested and no others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.errors import InputError
from topicforge.evaluation.reference import check_counts, check_vocabulary, describe

# documents whose presence matrix is held at once
_ROWS = 65_536


@dataclass(frozen=True)
class Cooccurrence:
    """n_ij = number of units (documents or windows) that hold both word i and word j; n_ii = n_i.

    Args:
        words: the W words counted; one the reference lacks has a row of zeros.
        joint: (W, W) int64 CSR, symmetric, n_ij; its diagonal is n_i.
        total: N, all units, with or without one of the words.
        window: ``"document"``, or the width of the sliding window in tokens.
        reference: the corpus counted, in words.
    """

    words: tuple[str, ...]
    joint: sp.csr_array
    total: int
    window: int | str
    reference: str

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def _single(self) -> NDArray[np.int64]:
        return np.asarray(self.joint.diagonal(), dtype=np.int64)

    def among(self, words: Sequence[str]) -> NDArray[np.int64]:
        """Return n_ij among ``words``: (n, n) int64, dense; meant for one topic's words.

        Raises:
            InputError: a word that was not requested when counting.
        """
        strangers = [word for word in words if word not in self._index]
        if strangers:
            raise InputError(
                f"co-occurrence: {strangers[0]!r} must be among the {len(self.words)} words "
                "counted, and is not; count again with all the words of the topics"
            )
        ids = [self._index[word] for word in words]
        return np.asarray(self.joint[ids][:, ids].toarray(), dtype=np.int64)

    def unseen(self) -> tuple[str, ...]:
        """Return the words with n_i = 0: not in the vocabulary, or in no unit."""
        return tuple(
            word for word, times in zip(self.words, self._single, strict=True) if not times
        )


def distinct_words(topics: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return every word of the topics once, in order of first appearance."""
    return tuple(dict.fromkeys(word for topic in topics for word in topic))


def document_cooccurrence(
    words: Iterable[str],
    bow: Any,
    vocabulary: Sequence[str],
    *,
    reference: str | None = None,
) -> Cooccurrence:
    """n_ij = sum_d [x_di > 0][x_dj > 0], one sparse product for all words together.

    Memory: the entries of at most 65,536 documents at a time, and the (W, W) result.

    Args:
        words: the W words to count.
        bow: (N, V) counts, scipy sparse in any format or dense. Empty documents count in N.
        vocabulary: V words in the order of the columns.
        reference: name of the corpus, for the scores' provenance.

    Raises:
        InputError: unusable counts (see :func:`check_counts`) or vocabulary.
    """
    where = "document co-occurrence"
    counts = check_counts(bow, where=where)
    column = check_vocabulary(vocabulary, counts.shape[1], where=where)
    wanted = distinct_words([words])
    place = np.full(counts.shape[1], -1, dtype=np.int64)
    for number, word in enumerate(wanted):
        if word in column:
            place[column[word]] = number

    joint = sp.csr_array((len(wanted), len(wanted)), dtype=np.int64)
    for start in range(0, counts.shape[0], _ROWS):
        present = _presence(counts, start, min(start + _ROWS, counts.shape[0]), place, len(wanted))
        joint = joint + present.T @ present
    return Cooccurrence(
        words=wanted,
        joint=sp.csr_array(joint),
        total=int(counts.shape[0]),
        window="document",
        reference=describe(reference, int(counts.shape[0]), "documents"),
    )


def _presence(
    counts: sp.csr_array, start: int, stop: int, place: NDArray[np.int64], width: int
) -> sp.csr_array:
    """[x_di > 0] of rows start..stop and of the columns that have a place: (rows, width) int64."""
    bounds = np.asarray(counts.indptr[start : stop + 1], dtype=np.int64)
    entries = slice(int(bounds[0]), int(bounds[-1]))
    col = place[counts.indices[entries]]
    # a stored zero is no occurrence
    keep = (col >= 0) & (counts.data[entries] > 0)
    row = np.repeat(np.arange(stop - start), np.diff(bounds))[keep]
    present = sp.csr_array(
        (np.ones(row.size, dtype=np.int64), (row, col[keep])), shape=(stop - start, width)
    )
    present.sum_duplicates()
    present.data[:] = 1  # a column stored twice in a row is one occurrence
    return present
