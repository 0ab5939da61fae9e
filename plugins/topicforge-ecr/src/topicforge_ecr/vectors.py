"""Reading pretrained word vectors: GloVe or word2vec text, .npy, arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from topicforge.plugin import OptionError

from topicforge_ecr.options import WHERE, refuse

Vectors = tuple[NDArray[np.float32], NDArray[np.bool_]]
_VECTORS = f"{WHERE}: option 'vectors'"


def read_vectors(
    source: Any, vocabulary: Sequence[str] | None, vocab_size: int, words: Any = None
) -> Vectors:
    """Return the vectors of the vocabulary's words, and which words have one.

    Args:
        source: a path to GloVe or word2vec text or to .npy, or an array (rows, E).
        vocabulary: V words in column order; needed unless the rows are in that order already.
        vocab_size: V.
        words: for .npy and arrays: the words of the rows, a sequence or a file with one a line;
            ``None``: row i is word i.

    Returns:
        (V, E) float32, zero rows for words without a vector, and (V,) bool. Where a word comes
        twice its first vector counts; a vector of zeros counts as none.

    Raises:
        OptionError: unreadable, ragged, not finite, of another length, or no word found.
    """
    if isinstance(source, (str, Path)) and Path(source).suffix != ".npy":
        if words is not None:
            raise refuse("vectors_words", "left out beside a text, whose lines have words", words)
        rows = _text(_file(source), set(_need(vocabulary)))
    else:
        matrix = _matrix(source)
        if words is None:
            if len(matrix) != vocab_size:
                raise refuse(
                    "vectors_words", f"given unless there are {vocab_size} rows, one a word; they "
                    f"are {len(matrix)}", words,
                )  # fmt: skip
            return _checked(matrix.astype(np.float32))
        names = _names(words)
        if len(names) != len(matrix):
            raise refuse("vectors_words", f"{len(matrix)} words, one a row", f"{len(names)} words")
        rows = zip(names, matrix, strict=True)
    return _look_up(rows, _need(vocabulary))


def _look_up(rows: Any, vocabulary: Sequence[str]) -> Vectors:
    first: dict[str, NDArray[Any]] = {}
    for word, vector in rows:
        first.setdefault(word, vector)
    width = len(next(iter(first.values()))) if first else 0
    values = np.zeros((len(vocabulary), width), dtype=np.float32)
    for i, word in enumerate(vocabulary):
        if word in first:
            values[i] = first[word]
    return _checked(values)


def _checked(values: NDArray[np.float32]) -> Vectors:
    found: NDArray[np.bool_] = np.any(values != 0, axis=1)
    if not np.isfinite(values).all():
        raise OptionError(f"{_VECTORS}: values must be finite in float32, got NaN or infinity")
    if not found.any():
        raise OptionError(
            f"{_VECTORS}: none of the {len(found)} words has a vector; are they of the same "
            "language and case?"
        )
    return values, found


def _text(path: Path, wanted: set[str]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    width = 0
    try:
        # newline="\n": some GloVe words hold other line ends
        with path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                parts = line.rstrip().split(" ")
                header = number == 1 and len(parts) == 2 and all(p.isdecimal() for p in parts)
                if header or parts == [""]:
                    continue
                width = width or len(parts) - 1
                # some GloVe words contain spaces
                word = " ".join(parts[:-width]) if width else ""
                if len(parts) <= width or not width:
                    raise OptionError(
                        f"{_VECTORS}: {path}, line {number}: must be a word and "
                        f"{width or 'some'} numbers, got {len(parts)} fields"
                    )
                if word in wanted:
                    try:
                        yield word, np.array(parts[-width:], dtype=np.float32)
                    except ValueError as error:
                        raise OptionError(f"{_VECTORS}: {path}, line {number}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{_VECTORS}: {path} can't be read as UTF-8 text: {error}") from error


def _matrix(source: Any) -> NDArray[Any]:
    try:
        if isinstance(source, (str, Path)):
            # mapped: a header that promises more than the file holds is refused, not allocated
            matrix: NDArray[Any] = np.lib.format.open_memmap(_file(source), mode="r")
        else:
            matrix = np.asarray(source)
    except OptionError:
        raise
    except Exception as error:  # numpy's header parser lets errors of many kinds through
        raise OptionError(f"{_VECTORS}: not a readable array: {error}") from error
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or 0 in matrix.shape:
        raise OptionError(
            f"{_VECTORS}: must be a path or a numeric array (rows, width), got shape "
            f"{matrix.shape} of {matrix.dtype}"
        )
    with np.errstate(over="ignore"):  # infinity is refused with a sentence of ours
        return matrix.astype(np.float32)


def _file(source: str | Path) -> Path:
    path = Path(source)
    if not path.is_file():
        raise refuse("vectors", "an existing file or an array", str(path))
    return path


def _names(words: Any) -> list[str]:
    if isinstance(words, (str, Path)):
        try:
            return _file(words).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"{WHERE}: option 'vectors_words': can't be read: {error}") from error
    names = words.tolist() if isinstance(words, np.ndarray) else words
    if not isinstance(names, Sequence) or not all(isinstance(word, str) for word in names):
        raise refuse("vectors_words", "words, or a file with one a line", words)
    return list(names)


def _need(vocabulary: Sequence[str] | None) -> Sequence[str]:
    if vocabulary is None:
        raise OptionError(
            f"{_VECTORS}: looking words up needs a vocabulary; pass fit(..., vocabulary=words), or "
            "an array whose rows are in column order"
        )
    return vocabulary
