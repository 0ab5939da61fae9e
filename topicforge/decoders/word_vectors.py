"""Reading pretrained word vectors: word2vec text, GloVe text, .npy with a vocabulary, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import OptionError

_WHERE = "decoder 'embedding': option 'vectors'"


@dataclass(frozen=True)
class WordVectors:
    """Vectors for the words of a vocabulary.

    Args:
        values: (V, E) float32; zero rows where ``found`` is False.
        found: (V,) bool.
    """

    values: NDArray[np.float32]
    found: NDArray[np.bool_]


def read_word_vectors(
    source: Any, vocabulary: Sequence[str] | None, vocab_size: int, words: Any = None
) -> WordVectors:
    """Return the vectors of ``vocabulary`` from ``source``.

    Args:
        source: a path to word2vec text (first line "count width"), GloVe text or .npy, or an array
            (rows, E).
        vocabulary: V words in column order; needed unless the rows are in that order already.
        vocab_size: V.
        words: for .npy and arrays: the words of the rows, a sequence or a file with one a line;
            ``None``: row i is word i of the vocabulary.

    Raises:
        OptionError: unreadable, ragged, not finite, of another length, or no word found.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.is_file():
            raise OptionError(f"{_WHERE}: must be an existing file or an array, got {str(path)!r}")
        if path.suffix != ".npy":
            return _checked(_read_text(path, vocabulary))
        try:
            matrix = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise OptionError(f"{_WHERE}: {path} is not a readable .npy array: {error}") from error
    else:
        matrix = np.asarray(source)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or 0 in matrix.shape:
        raise OptionError(
            f"{_WHERE}: must be a numeric array (words, width), got shape {matrix.shape} of "
            f"{matrix.dtype}"
        )
    return _checked(_align(matrix.astype(np.float32), vocabulary, vocab_size, words))


def _align(
    matrix: NDArray[np.float32], vocabulary: Sequence[str] | None, vocab_size: int, words: Any
) -> WordVectors:
    if words is None:
        if len(matrix) != vocab_size:
            raise OptionError(
                f"{_WHERE}: without 'vectors_words' row i belongs to word i, so there must be "
                f"{vocab_size} rows, got {len(matrix)}; pass the rows' words as 'vectors_words'"
            )
        # a zero row is how aligned files mark a word they have no vector for
        return WordVectors(matrix, np.asarray(matrix.any(1)))
    if isinstance(words, (str, Path)):
        words = Path(words).read_text(encoding="utf-8").splitlines()
    if len(words) != len(matrix):
        raise OptionError(
            f"{_WHERE}: 'vectors_words' must name every row: {len(matrix)} rows, {len(words)} words"
        )
    position = {word: i for i, word in enumerate(words)}
    rows = np.array([position.get(word, -1) for word in _need(vocabulary)])
    values = np.where((rows >= 0)[:, None], matrix[rows], np.float32(0))
    return WordVectors(values, rows >= 0)


def _read_text(path: Path, vocabulary: Sequence[str] | None) -> WordVectors:
    """Read one word a line; only the vocabulary's vectors are kept, whatever the file's size."""
    wanted = {word: i for i, word in enumerate(_need(vocabulary))}
    values: NDArray[np.float32] | None = None
    found = np.zeros(len(wanted), dtype=bool)
    width = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                parts = line.rstrip().split(" ")
                if number == 1 and len(parts) == 2 and all(p.isdigit() for p in parts):
                    width = int(parts[1])  # word2vec's header
                    continue
                width = width or len(parts) - 1
                word = " ".join(parts[:-width])  # some GloVe words contain spaces
                if width < 1 or not word:
                    raise OptionError(
                        f"{_WHERE}: {path}, line {number}: must be a word and {width} numbers, got "
                        f"{len(parts)} fields; the file may be truncated"
                    )
                if word not in wanted:
                    continue
                if values is None:
                    values = np.zeros((len(wanted), width), dtype=np.float32)
                values[wanted[word]] = np.array(parts[-width:], dtype=np.float32)
                found[wanted[word]] = True
    except UnicodeDecodeError as error:
        raise OptionError(
            f"{_WHERE}: {path} must be UTF-8 text (word2vec or GloVe text) or .npy: {error}"
        ) from error
    except ValueError as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(f"{_WHERE}: {path}, line {number}: {error}") from error
    if values is None:
        raise OptionError(
            f"{_WHERE}: {path} has none of the {len(wanted)} words; is it of the same language "
            "and case?"
        )
    return WordVectors(values, found)


def _need(vocabulary: Sequence[str] | None) -> Sequence[str]:
    if vocabulary is None:
        raise OptionError(
            f"{_WHERE}: looking words up needs a vocabulary; pass fit(..., vocabulary=words), or "
            "an array whose rows are in column order"
        )
    return vocabulary


def _checked(vectors: WordVectors) -> WordVectors:
    if not np.isfinite(vectors.values).all():
        raise OptionError(f"{_WHERE}: values must be finite, got NaN or infinity")
    if not vectors.found.any():
        raise OptionError(f"{_WHERE}: none of the {len(vectors.found)} words has a vector")
    return vectors
