"""How often words occur together within a sliding window over tokenised texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.errors import InputError
from topicforge.evaluation.cooccurrence import Cooccurrence, distinct_words
from topicforge.evaluation.reference import check_texts, describe
from topicforge.evaluation.topics import check_whole

_WHERE = "window co-occurrence"
# (word, window) incidences held at once, 16 bytes each
_INCIDENCES = 2_000_000

Ids = NDArray[np.int64]


def window_cooccurrence(
    words: Iterable[str],
    texts: Iterable[Sequence[str]],
    *,
    window: int = 10,
    reference: str | None = None,
) -> Cooccurrence:
    """n_ij = number of windows that hold both i and j: a boolean sliding window.

    A text of n tokens has max(1, n - window + 1) windows, each of ``window`` consecutive tokens
    (the whole text where it is shorter); a text without tokens has none. Repeats of a word within a
    window count once. All tokens take part in the distance, also those that are not requested.

    The windows that hold a word are unions of intervals, and between two ends of intervals nothing
    changes; only those stretches are counted, weighted with their length. Memory: about two million
    incidences, and the (W, W) result, however long a text or the corpus is.

    Args:
        words: the W words to count.
        texts: documents as sequences of tokens; any iterable, read once.
        window: width in tokens.
        reference: name of the corpus, for the scores' provenance.

    Raises:
        OptionError: ``window`` is not a whole number of at least 1.
        InputError: a text that is a string, tokens that are not words, or no token at all.

    Source: Röder, Both and Hinneburg 2015, section 3.2 (boolean sliding window).
    """
    check_whole(window, "window", least=1, where=_WHERE)
    wanted = distinct_words([words])
    index = {word: number for number, word in enumerate(wanted)}
    joint = sp.csr_array((len(wanted), len(wanted)), dtype=np.int64)
    pending: list[tuple[Ids, Ids, Ids]] = []
    held = n_texts = total = 0
    for text in check_texts(texts, where=_WHERE):
        n_texts += 1
        ids = _ids(text, index, n_texts - 1)
        for piece in _pieces(ids, window, len(wanted)):
            n_windows = max(1, piece.size - window + 1)
            word, first, last = _intervals(piece, window, n_windows)
            pending.append((word, first + total, last + total))
            held += min(word.size * min(window, n_windows), len(wanted) * n_windows)
            total += n_windows
            if held > _INCIDENCES:
                joint = joint + _count(pending, len(wanted))
                pending, held = [], 0
    if not total:
        raise InputError(f"{_WHERE}: texts must hold at least one token, got {n_texts} empty texts")
    joint = joint + _count(pending, len(wanted))
    return Cooccurrence(
        words=wanted,
        joint=sp.csr_array(joint),
        total=total,
        window=window,
        reference=f"{describe(reference, n_texts, 'texts')} in {total:,} windows",
    )


def _ids(text: Sequence[str], index: dict[str, int], number: int) -> Ids:
    try:
        return np.fromiter((index.get(token, -1) for token in text), np.int64, len(text))
    except TypeError as error:  # an unhashable token: a nested list
        raise InputError(f"{_WHERE}: text {number} must be a flat list of words") from error


def _pieces(ids: Ids, window: int, n_words: int) -> Iterator[Ids]:
    """Cut a long text so that every window lies in exactly one piece (they overlap in tokens)."""
    if not ids.size:
        return
    step = max(1, _INCIDENCES // max(1, min(window, n_words)))
    n_windows = max(1, ids.size - window + 1)
    for start in range(0, n_windows, step):
        yield ids[start : min(start + step, n_windows) + window - 1]


def _intervals(ids: Ids, window: int, n_windows: int) -> tuple[Ids, Ids, Ids]:
    """(word, first window, last window) of each token requested, in reading order."""
    position = np.flatnonzero(ids >= 0)
    first = np.maximum(position - window + 1, 0)
    last = np.minimum(position, n_windows - 1)
    return ids[position], first, last


def _count(pending: list[tuple[Ids, Ids, Ids]], n_words: int) -> sp.csr_array:
    """(W, W) windows in common, from intervals of windows in reading order."""
    if not any(word.size for word, _, _ in pending):
        return sp.csr_array((n_words, n_words), dtype=np.int64)
    word, first, last = (np.concatenate(column) for column in zip(*pending, strict=True))
    order = np.argsort(word, kind="stable")
    word, first, last = word[order], first[order], last[order]
    # make the intervals of one word disjoint: each starts after the one before it ends
    again = word[1:] == word[:-1]
    first[1:] = np.where(again, np.maximum(first[1:], last[:-1] + 1), first[1:])

    bounds = np.unique(np.concatenate([first, last + 1]))
    begin, end = np.searchsorted(bounds, first), np.searchsorted(bounds, last + 1)
    length = end - begin
    offset = np.repeat(np.cumsum(length) - length, length)
    stretch = np.repeat(begin, length) + np.arange(offset.size) - offset
    column = np.repeat(word, length)
    shape = (bounds.size, n_words)
    present = sp.csr_array((np.ones(column.size, np.int64), (stretch, column)), shape=shape)
    # the last bound ends the last interval and begins no stretch
    weight = np.append(np.diff(bounds), 0)
    weighted = sp.csr_array((weight[stretch], (stretch, column)), shape=shape)
    return sp.csr_array(present.T @ weighted)
