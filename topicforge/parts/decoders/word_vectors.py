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
_WORDS = "decoder 'embedding': option 'vectors_words'"


@dataclass(frozen=True)
class WordVectors:
    """Vectors for the words of a vocabulary.

    Args:
        values: (V, E) float32, finite; zero rows where ``found`` is False.
        found: (V,) bool; a vector of zeros counts as none.
    """

    values: NDArray[np.float32]
    found: NDArray[np.bool_]


def read_word_vectors(
    source: Any, vocabulary: Sequence[str] | None, vocab_size: int, words: Any = None
) -> WordVectors:
    """Return the vectors of ``vocabulary`` from ``source``.

    Where a word comes twice its first vector counts. Of a text, only lines of the vocabulary's
    words are read as numbers.

    Args:
        source: a path to word2vec text (first line "count width"), GloVe text or .npy, or an array
            (rows, E).
        vocabulary: V words in column order; needed unless the rows are in that order already.
        vocab_size: V.
        words: for .npy and arrays: the words of the rows, a sequence, or a file with one word per line;
            ``None``: row i is word i of the vocabulary.

    Raises:
        OptionError: unreadable, ragged, truncated, not finite, of another length, or no word found.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.is_file():
            raise OptionError(f"{_WHERE}: must be an existing file or an array, got {str(path)!r}")
        if path.suffix != ".npy":
            return _checked(_read_text(path, _need(vocabulary)))
        matrix = _read_npy(path)
    else:
        try:
            matrix = np.asarray(source)
        except (ValueError, TypeError, RuntimeError) as error:
            raise OptionError(
                f"{_WHERE}: must be a path or an array (words, width), got "
                f"{type(source).__name__}: {error}"
            ) from error
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or 0 in matrix.shape:
        raise OptionError(
            f"{_WHERE}: must be a numeric array (words, width), got shape {matrix.shape} of "
            f"{matrix.dtype}"
        )
    if words is not None:
        return _checked(_look_up(matrix, _need(vocabulary), words))
    if len(matrix) != vocab_size:
        raise OptionError(
            f"{_WHERE}: without 'vectors_words' row i belongs to word i, so there must be "
            f"{vocab_size} rows, got {len(matrix)}; pass the rows' words as 'vectors_words'"
        )
    return _checked(WordVectors(_float32(matrix), np.ones(vocab_size, dtype=bool)))


def _read_npy(path: Path) -> NDArray[Any]:
    # mapped, so that a header that promises more than the file holds is refused and not allocated
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # its header parser lets tokenizer and syntax errors through too
        raise OptionError(f"{_WHERE}: {path} is not a readable .npy array: {error}") from error


def _look_up(matrix: NDArray[Any], vocabulary: Sequence[str], words: Any) -> WordVectors:
    if isinstance(words, (str, Path)):
        try:
            # lines end at line feeds alone: words may hold what splitlines takes for a line's end
            text = Path(words).read_text(encoding="utf-8-sig")
            words = text.removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(
                f"{_WORDS}: must be words or a UTF-8 file with one word per line: {error}"
            ) from error
    elif isinstance(words, np.ndarray):
        words = words.tolist()
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise OptionError(f"{_WORDS}: must be words or a path, got {type(words).__name__}")
    if len(words) != len(matrix):
        raise OptionError(f"{_WORDS}: must name every row: {len(matrix)} rows, {len(words)} words")
    position = {word: i for i, word in reversed(list(enumerate(words)))}
    row = np.array([position.get(word, -1) for word in vocabulary])
    values = np.zeros((len(vocabulary), matrix.shape[1]), dtype=np.float32)
    values[row >= 0] = _float32(matrix[row[row >= 0]])
    return WordVectors(values, row >= 0)


def _read_text(path: Path, vocabulary: Sequence[str]) -> WordVectors:
    """Read one word per line; only the vocabulary's vectors are kept, whatever the file's size."""
    wanted = {word: i for i, word in enumerate(vocabulary)}
    values: NDArray[np.float32] | None = None
    found = np.zeros(len(wanted), dtype=bool)
    width = promised = rows = number = 0
    try:
        # newline="\n": some GloVe words hold other line ends
        with path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                parts = line.rstrip().split(" ")
                if number == 1 and len(parts) == 2 and all(p.isdecimal() for p in parts):
                    promised, width = int(parts[0]), int(parts[1])  # word2vec's header
                    continue
                if parts == [""]:
                    continue
                rows += 1
                width = width or len(parts) - 1
                if width < 1 or len(parts) <= width or _is_too_long(parts, width):
                    raise OptionError(
                        f"{_WHERE}: {path}, line {number}: must be a word and {width or 'some'} "
                        f"numbers, got {len(parts)} fields; the file is damaged or of another format"
                    )
                i = wanted.get(" ".join(parts[:-width]))
                if i is None or found[i]:
                    continue
                if values is None:
                    values = np.zeros((len(wanted), width), dtype=np.float32)
                values[i] = _float32(np.array(parts[-width:], dtype=np.float64))
                found[i] = True
    except UnicodeDecodeError as error:
        raise OptionError(
            f"{_WHERE}: {path} must be UTF-8 text (word2vec or GloVe text) or .npy: {error}"
        ) from error
    except OSError as error:
        raise OptionError(f"{_WHERE}: {path} can't be read: {error}") from error
    except ValueError as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(f"{_WHERE}: {path}, line {number}: {error}") from error
    if promised not in (0, rows):
        raise OptionError(
            f"{_WHERE}: {path}: its first line promises {promised} words, but {rows} follow; the file "
            "is truncated or damaged"
        )
    if values is None:
        raise OptionError(
            f"{_WHERE}: {path} has none of the {len(wanted)} words; is it of the same language "
            "and case?"
        )
    return WordVectors(values, found)


def _is_too_long(parts: list[str], width: int) -> bool:
    """More than ``width`` numbers; a few GloVe words contain spaces, but no numbers after them."""
    return len(parts) - 1 > width and all(map(_is_float, parts[1:]))


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # infinity is refused with a sentence of ours
        return values.astype(np.float32)


def _need(vocabulary: Sequence[str] | None) -> Sequence[str]:
    if vocabulary is None:
        raise OptionError(
            f"{_WHERE}: looking words up needs a vocabulary; pass fit(..., vocabulary=words), or "
            "an array whose rows are in column order"
        )
    return vocabulary


def _checked(vectors: WordVectors) -> WordVectors:
    if not np.isfinite(vectors.values).all():
        raise OptionError(f"{_WHERE}: values must be finite in float32, got NaN or infinity")
    found = vectors.found & vectors.values.any(1)
    if not found.any():
        raise OptionError(f"{_WHERE}: none of the {len(found)} words has a vector")
    return WordVectors(vectors.values, found)
