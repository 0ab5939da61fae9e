"""Count matrices of scipy and scikit-learn: .npz, MatrixMarket, svmlight."""

from __future__ import annotations

import gzip
import io
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import scipy.io
import scipy.sparse as sp

from topicforge.corpus.counts import Counts
from topicforge.corpus.lines import unreadable
from topicforge.errors import CorpusError, InputError

# whatever a damaged file makes the libraries raise
_DAMAGED = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, OverflowError,
    MemoryError, NotImplementedError, RuntimeError, SyntaxError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class CountFile:
    """What a file of counts holds.

    Args:
        counts: N documents over V words.
        labels: N labels where the format has them inside, else ``None``.
        vocabulary: V words where a file beside it names them, else ``None``.
        note: what was decided while reading, for the corpus's description.
    """

    counts: Counts
    labels: tuple[str, ...] | None = None
    vocabulary: tuple[str, ...] | None = None
    note: str = ""


def read_npz(path: Path) -> CountFile:
    """Read what ``scipy.sparse.save_npz`` wrote, (documents, words); no pickle is ever loaded.

    Raises:
        CorpusError: missing, truncated, no sparse matrix, or counts that are unusable.
    """
    _check_file(path)
    try:
        with path.open("rb") as file:  # numpy leaves its own open when the content is damaged
            matrix = sp.load_npz(file)
    except _DAMAGED as error:
        raise CorpusError(
            f"{path}: must be a sparse matrix written by scipy.sparse.save_npz "
            f"({type(error).__name__}: {error}); it is truncated or another kind of .npz"
        ) from error
    return CountFile(_counts(matrix, path))


def read_matrix_market(path: Path) -> CountFile:
    """Read a MatrixMarket file (.mtx, .mtx.gz), (documents, words).

    Raises:
        CorpusError: missing, truncated, not MatrixMarket, or counts that are unusable.
    """
    _check_file(path)
    try:
        entries = int(scipy.io.mminfo(path)[2])
        # "1 1\n": no file can hold more, and memory is taken for as many as the header says
        if path.suffix != ".gz" and entries > path.stat().st_size // 2:
            raise ValueError(f"its header promises {entries} entries")
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            matrix = scipy.io.mmread(io.BufferedReader(_Ended(file)))
    except _DAMAGED as error:
        raise CorpusError(
            f"{path}: must be a MatrixMarket file ({type(error).__name__}: {error}); it is truncated or "
            "of another format"
        ) from error
    return CountFile(_counts(matrix, path))


class _Ended(io.RawIOBase):
    """A file with a line feed added at its end.

    scipy's reader looks for the end of the line behind each entry, and runs out of its memory when
    the last line has none.
    """

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self._file = file
        self._ended = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer and return how much of it; 0 at the end."""
        data = self._file.read(len(buffer))
        if not data and not self._ended:
            data, self._ended = b"\n", True
        buffer[: len(data)] = data
        return len(data)


def read_svmlight(path: Path, vocab_size: int | None = None) -> CountFile:
    """Read an svmlight file, ``label word:count word:count ...`` a line; .gz too.

    Words are numbered from 1, as the format has it, unless a word 0 occurs.

    Args:
        path: the file.
        vocab_size: V, where a vocabulary is at hand; else the highest word decides.

    Raises:
        CorpusError: missing, truncated, not svmlight, words beyond the vocabulary, or counts that
            are unusable.
    """
    from sklearn.datasets import load_svmlight_file

    _check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matrix, values = load_svmlight_file(str(path), zero_based=True, dtype=np.float32)
    except _DAMAGED as error:
        raise CorpusError(
            f"{path}: must be an svmlight file with numbers as labels ({type(error).__name__}: {error})"
        ) from error
    if matrix.shape[0] == 0 or matrix.nnz == 0:
        raise CorpusError(f"{path}: must hold at least one document with a word, got none")
    zero_based = int(matrix.indices.min()) == 0
    width = matrix.shape[1] if zero_based else matrix.shape[1] - 1
    if vocab_size is not None and width > vocab_size:
        raise CorpusError(
            f"{path}: words are numbered from {0 if zero_based else 1} to {matrix.shape[1] - 1}, but the "
            f"vocabulary has {vocab_size}; it is of another corpus"
        )
    shift = 0 if zero_based else 1
    shifted = sp.csr_array(
        (matrix.data, matrix.indices - shift, matrix.indptr),
        shape=(matrix.shape[0], width if vocab_size is None else vocab_size),
    )
    labels = tuple(str(int(v)) if float(v).is_integer() else str(v) for v in values)
    note = f"words numbered from {shift}"
    return CountFile(_counts(shifted, path), labels, note=note)


def _counts(matrix: object, path: Path) -> Counts:
    try:
        return Counts.from_matrix(matrix, str(path))
    except InputError as error:
        raise CorpusError(str(error)) from error
    except MemoryError as error:
        raise CorpusError(f"{path}: too large for this machine's memory ({error})") from error


def _check_file(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise unreadable(path, error) from error
