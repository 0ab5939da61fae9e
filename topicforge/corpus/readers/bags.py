"""Count files of the topic model literature: UCI docword files and LDA-C."""

from __future__ import annotations

from array import array
from itertools import islice
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.corpus.counts import Counts
from topicforge.corpus.lines import read_lines
from topicforge.corpus.readers.matrices import CountFile
from topicforge.corpus.sidecars import read_vocabulary
from topicforge.errors import CorpusError, InputError

_LINES = 1 << 18


def read_uci(path: Path) -> CountFile:
    """Read a UCI bag of words: lines D, W, NNZ, then ``document word count``, counted from 1.

    For ``docword.NAME.txt`` or ``.txt.gz`` the words come from ``vocab.NAME.txt`` beside it, where
    that file is there.

    Raises:
        CorpusError: missing, truncated, not of this format, numbers outside what the header says.
    """
    lines = read_lines(path)
    sizes = [_header(path, line) for line in islice(lines, 3)]
    if len(sizes) < 3:
        raise CorpusError(f"{path}: must begin with the lines D, W and NNZ, got {len(sizes)} lines")
    documents, words, entries = sizes
    parts: list[NDArray[np.int64]] = []
    read = 0
    while block := list(islice(lines, _LINES)):
        table = _triples(path, block, first=4 + read)
        read += len(table)
        parts.append(table)
    if read != entries:
        raise CorpusError(
            f"{path}: its header promises {entries} entries, got {read}; it is truncated, get it again"
        )
    table = np.concatenate(parts) if parts else np.empty((0, 3), dtype=np.int64)
    if len(table):
        low, high = table.min(axis=0), table.max(axis=0)
        if low[:2].min() < 1 or high[0] > documents or high[1] > words:
            raise CorpusError(
                f"{path}: documents must be in [1, {documents}] and words in [1, {words}], got "
                f"{low[0]} to {high[0]} and {low[1]} to {high[1]}"
            )
    try:
        matrix = sp.coo_array(
            (table[:, 2], (table[:, 0] - 1, table[:, 1] - 1)), shape=(documents, words)
        )
        counts = Counts.from_matrix(matrix, str(path))
    except (InputError, MemoryError) as error:
        raise CorpusError(f"{path}: {error}") from error
    beside = _vocabulary_beside(path)
    if beside is None:
        return CountFile(counts)
    vocabulary = read_vocabulary(beside, words)
    return CountFile(counts, vocabulary=vocabulary, note=f"words from {beside.name}")


def read_lda_c(path: Path, vocab_size: int | None = None) -> CountFile:
    """Read an LDA-C file: a line is ``M word:count word:count ...`` with M pairs, words from 0.

    Args:
        path: the file.
        vocab_size: V, where a vocabulary is at hand; else the highest word decides.

    Raises:
        CorpusError: missing, not of this format, a line with another number of pairs than it says
            (truncated), words beyond the vocabulary.
    """
    words, values, ends = array("q"), array("d"), array("q", [0])
    for number, line in enumerate(read_lines(path), start=1):
        first, *pairs = line.split() or [""]
        try:
            if int(first) != len(pairs):
                raise CorpusError(
                    f"{path}: line {number} promises {int(first)} words, got {len(pairs)}; the file is "
                    "truncated"
                )
            for pair in pairs:
                word, _, value = pair.partition(":")
                words.append(int(word))
                values.append(float(value))
        except (ValueError, OverflowError) as error:
            if isinstance(error, CorpusError):
                raise
            raise CorpusError(
                f"{path}: line {number} must be 'M word:count word:count ...' ({error}); is the file in "
                "LDA-C format?"
            ) from error
        ends.append(len(words))
    indices, data = np.asarray(words, dtype=np.int64), np.asarray(values)
    if not len(indices):
        raise CorpusError(f"{path}: must hold at least one document with a word, got none")
    width = int(indices.max()) + 1 if vocab_size is None else vocab_size
    if indices.min() < 0 or indices.max() >= width:
        raise CorpusError(
            f"{path}: words must be in [0, {width - 1}], got {indices.min()} to {indices.max()}; is the "
            "vocabulary of another corpus?"
        )
    whole = bool((data == np.floor(data)).all()) and bool((np.abs(data) < 2**31).all())
    try:
        matrix = sp.csr_array(
            (data.astype(np.int64) if whole else data, indices, np.asarray(ends, dtype=np.int64)),
            shape=(len(ends) - 1, width),
        )
        return CountFile(Counts.from_matrix(matrix, str(path)))
    except InputError as error:
        raise CorpusError(str(error)) from error


def _header(path: Path, line: str) -> int:
    try:
        value = int(line)
    except ValueError as error:
        raise CorpusError(
            f"{path}: must begin with the lines D, W and NNZ, one number each, got {line!r:.40}; is it a "
            "UCI docword file?"
        ) from error
    if not 0 <= value < 2**31:
        raise CorpusError(f"{path}: D, W and NNZ must be in [0, 2^31 - 1], got {value}")
    return value


def _triples(path: Path, lines: list[str], first: int) -> NDArray[np.int64]:
    try:
        flat = np.array(" ".join(lines).split(), dtype=np.int64)
        table = flat.reshape(-1, 3)
    except (ValueError, OverflowError) as error:
        raise CorpusError(
            f"{path}: lines {first} to {first + len(lines) - 1} must be 'document word count' in whole "
            f"numbers ({error}); it is truncated or of another format"
        ) from error
    return table


def _vocabulary_beside(path: Path) -> Path | None:
    if not path.name.startswith("docword."):
        return None
    name = "vocab." + path.name.removeprefix("docword.")
    for candidate in (path.with_name(name.removesuffix(".gz")), path.with_name(name)):
        if candidate.is_file():
            return candidate
    return None
