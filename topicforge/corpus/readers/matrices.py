"""Files of counts: .npz, MatrixMarket and UCI docword files, svmlight, LDA-C."""

from __future__ import annotations

import io
import re
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

import numpy as np
import scipy.sparse as sp

from topicforge.corpus.lines import MAX_RATIO, PACKED, open_bytes, read_lines, unreadable
from topicforge.corpus.reader import CountTable, Reading
from topicforge.corpus.words import read_vocabulary
from topicforge.errors import CorpusError, TopicForgeError


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a damaged file makes the libraries raise into an error that names the file."""
    try:
        yield
    except TopicForgeError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise unreadable(path, error) from error
    except Exception as error:
        raise CorpusError(
            f"{path}: must be {what} ({type(error).__name__}: {error}); it is truncated, damaged or of "
            "another format"
        ) from error


def read_npz(path: Path, _: Reading) -> CountTable:
    """Read what ``scipy.sparse.save_npz`` wrote, (documents, words); no pickle is ever loaded.

    Raises:
        CorpusError: missing, truncated, or no sparse matrix.
    """
    with _reading(path, "a sparse matrix written by scipy.sparse.save_npz"):
        with open_bytes(path) as file, zipfile.ZipFile(file) as archive:
            _check_size(path, sum(entry.file_size for entry in archive.infolist()), MAX_RATIO)
        with path.open("rb") as file:  # numpy leaves its own open when the content is damaged
            return CountTable(sp.load_npz(file))


def read_matrix_market(path: Path, _: Reading) -> CountTable:
    """Read a MatrixMarket file, (documents, words).

    Raises:
        CorpusError: missing, truncated, not MatrixMarket, or numbers that its banner excludes.
    """
    with _reading(path, "a MatrixMarket file"), open_bytes(path) as file:
        banner = file.readline(1000)
        # scipy cuts 1.7 to 1 where the banner says integer
        whole = b"integer" in banner.lower()
        real = re.sub(rb"(?i)integer", b"real", banner)
        return CountTable(_market(path, real, file, whole))


def read_uci(path: Path, reading: Reading) -> CountTable:
    """Read a UCI bag of words: lines D, W, NNZ, then ``document word count``, counted from 1.

    It is MatrixMarket without its banner. For ``docword.NAME.txt`` or ``.txt.gz`` the words come from
    ``vocab.NAME.txt`` beside it, where that file is there.

    Raises:
        CorpusError: missing, truncated, not of this format, numbers outside what the header says.
    """
    what = (
        "a UCI docword file: lines D, W and NNZ, one number each, then 'document word count' in whole "
        "numbers"
    )
    with _reading(path, what), open_bytes(path) as file:
        sizes = [int(file.readline(100)) for _ in range(3)]
        # an empty comment, so that errors count the lines as the file does
        head = "%%MatrixMarket matrix coordinate real general\n%\n{} {} {}\n".format(*sizes)
        matrix = _market(path, head.encode(), file, True)
    beside = _vocabulary_beside(path) if reading.side_vocabulary else None
    if beside is None:
        return CountTable(matrix)
    return CountTable(
        matrix, vocabulary=read_vocabulary(beside, sizes[1]), note=f"words from {beside.name}"
    )


def _market(path: Path, head: bytes, rest: IO[bytes], whole: bool) -> Any:
    import scipy.io

    sizes = head.splitlines()[-1] if head.count(b"\n") > 1 else b""
    while not sizes.strip() or sizes.startswith(b"%"):
        line = rest.readline()
        if not line:
            raise ValueError("it ends within its header")
        head, sizes = head + line, line
    # memory is taken for as many entries as the header says; none takes less than "1 1\n", or "1\n"
    # in a dense one, whose header has no number of entries
    rows, columns, *entries = map(int, sizes.split())
    least = 4 * entries[0] if entries else 2 * rows * columns
    _check_size(path, least, MAX_RATIO if path.suffix in PACKED else 1)
    matrix = scipy.io.mmread(io.BufferedReader(_Joined(head, rest)))
    if whole:
        values = matrix.data if sp.issparse(matrix) else matrix
        if not (values == np.floor(values)).all() or not (np.abs(values) < 2**53).all():
            raise ValueError("counts must be whole numbers below 2^53")
        matrix = matrix.astype(np.int64)
    return matrix


class _Joined(io.RawIOBase):
    """A head, a file, and a line feed: scipy's reader leaves its memory where the last line has none."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._parts: list[IO[bytes]] = [io.BytesIO(head), file, io.BytesIO(b"\n")]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._parts:
            data = self._parts[0].read(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            self._parts.pop(0)
        return 0


def _vocabulary_beside(path: Path) -> Path | None:
    if not path.name.startswith("docword."):
        return None
    name = "vocab." + path.name.removeprefix("docword.")
    for candidate in (path.with_name(name.removesuffix(path.suffix)), path.with_name(name)):
        if candidate.is_file():
            return candidate
    return None


def read_svmlight(path: Path, reading: Reading) -> CountTable:
    """Read an svmlight file, ``label word:count word:count ...`` a line.

    Its words are numbered as ``first_index`` says, else as scikit-learn's comment "Column indices
    are zero-based" does, else as in the corpus of the model, else from 1, unless a word 0 occurs. The
    note says which it was.

    Raises:
        CorpusError: missing, truncated, not svmlight, or words beyond the vocabulary.
    """
    from sklearn.datasets import load_svmlight_file

    with _reading(path, "an svmlight file with numbers as labels"), open_bytes(path) as file:
        comments = list(takewhile(lambda line: line.startswith(b"#"), iter(file.readline, b"")))
        file.seek(0)
        matrix, values = load_svmlight_file(file, zero_based=True, dtype=np.float32)
    if matrix.nnz == 0:
        raise CorpusError(f"{path}: must hold at least one document with a word, got none")
    lowest, highest = int(matrix.indices.min()), matrix.shape[1] - 1
    said = re.search(rb"indices are (zero|one)-based", b"".join(comments))
    first, why = reading.first_index, "as told"
    if first is None and said is not None:
        first, why = int(said[1] == b"one"), "as its comment says"
    elif first is None and reading.model_first_index is not None:
        first, why = reading.model_first_index, "as in the corpus of the model"
    elif first is None:
        first, why = min(lowest, 1), "as a word 0 occurs"
        if first:
            why = "the format's own numbering: no comment says otherwise and no word 0 occurs"
    size = reading.vocab_size
    if lowest < first or (size is not None and highest - first >= size):
        raise CorpusError(
            f"{path}: words are numbered from {first} ({why}), so they must be in [{first}, "
            f"{'...' if size is None else size - 1 + first}], got {lowest} to {highest}"
            + ("" if size is None else f"; the vocabulary has {size}, is it of another corpus?")
        )
    shape = (matrix.shape[0], highest + 1 - first if size is None else size)
    shifted = sp.csr_array((matrix.data, matrix.indices - first, matrix.indptr), shape=shape)
    labels = [str(int(v)) if float(v).is_integer() else str(v) for v in values]
    return CountTable(shifted, labels, None, f"words numbered from {first}, {why}", first)


def read_lda_c(path: Path, reading: Reading) -> CountTable:
    """Read an LDA-C file: a line is ``M word:count word:count ...`` with M pairs, words from 0.

    It is svmlight with M in the label's place, but scikit-learn's reader refuses words that are not
    sorted, as they are in the files of Blei's lda-c.

    Raises:
        CorpusError: missing, not of this format, a line with another number of pairs than it says
            (truncated), words beyond the vocabulary.
    """
    words, values, ends = array("q"), array("d"), array("q", [0])
    for number, line in enumerate(read_lines(path), start=1):
        with _reading(path, f"an LDA-C file, 'M word:count word:count ...'; line {number} is not"):
            said, *pairs = line.split() or [""]
            if int(said) != len(pairs):
                raise ValueError(f"it promises {int(said)} words and has {len(pairs)}")
            numbers = [pair.split(":") for pair in pairs]
            words.extend(int(word) for word, _ in numbers)
            values.extend(float(value) for _, value in numbers)
            ends.append(len(words))
    if not words:
        raise CorpusError(f"{path}: must hold at least one document with a word, got none")
    indices, data = np.asarray(words), np.asarray(values)
    width = int(indices.max()) + 1 if reading.vocab_size is None else reading.vocab_size
    if indices.min() < 0 or indices.max() >= width:
        raise CorpusError(
            f"{path}: words must be in [0, {width - 1}], got {indices.min()} to {indices.max()}; is the "
            "vocabulary of another corpus?"
        )
    if (data == np.floor(data)).all() and (np.abs(data) < 2**53).all():
        data = data.astype(np.int64)
    with _reading(path, "an LDA-C file"):
        return CountTable(
            sp.csr_array((data, indices, np.asarray(ends)), shape=(len(ends) - 1, width))
        )


def _check_size(path: Path, promised: int, ratio: int) -> None:
    """Refuse what promises more bytes than the file can hold, before memory is taken for them."""
    if promised > max(1 << 26 if ratio > 1 else 0, ratio * path.stat().st_size):
        raise CorpusError(
            f"{path}: promises {promised} bytes and more, which {path.stat().st_size} bytes can't hold; "
            "it is truncated or damaged"
        )
