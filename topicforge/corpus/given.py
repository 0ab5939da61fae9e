"""Documents as Python programs hold them: texts, lists of tokens, bags of words, columns of data frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from topicforge.errors import InputError

#: the column of a data frame with several that is taken for the texts
_TEXT = "text"
#: how many values of a column tell whether it holds texts
_LOOKED_AT = 100


@dataclass(frozen=True)
class Given:
    """N documents.

    Args:
        kind: ``texts``, ``tokens`` (lists of words) or ``bags`` (lists of word number and count).
        rows: one per document; for a missing one an empty one.
    """

    kind: Literal["texts", "tokens", "bags"]
    rows: list[Any]

    def texts(self) -> list[str]:
        """Return one text per document; tokens are joined by spaces, spaces within a token become ``_``."""
        if self.kind == "texts":
            return self.rows
        return [" ".join("_".join(token.split()) for token in row) for row in self.rows]

    def matrix(self, vocab_size: int | None, where: str) -> sp.csr_array:
        """Return the (N, V) counts of bags of words.

        Args:
            vocab_size: V; ``None``: the largest word number decides.
            where: the caller's name, for messages.

        Raises:
            InputError: a word number outside the vocabulary.
        """
        lengths = [len(row) for row in self.rows]
        pairs = [pair for row in self.rows for pair in row]
        words = np.array([word for word, _ in pairs], dtype=np.int64)
        width = int(words.max(initial=0)) + 1 if vocab_size is None else vocab_size
        outside = words[(words < 0) | (words >= width)]
        if len(outside):
            raise InputError(
                f"{where}: word numbers of bags of words must lie in 0 to {width - 1}, got {outside[0]}"
            )
        counts = np.array([count for _, count in pairs], dtype=np.float64)
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        return sp.csr_array((counts, words, indptr), shape=(len(self.rows), width))


def read_given(X: Any, where: str) -> Given | None:
    """Return documents, or ``None`` where X is no column of documents: a matrix, say.

    A list, a tuple, an array of one dimension, a generator, a column of pandas, polars, Arrow or a Hugging
    Face data set, and a data frame with a column of texts are columns of documents. Missing documents
    are named in a warning and taken as empty ones.

    Args:
        X: whatever a user holds.
        where: the caller's name, for messages.

    Raises:
        InputError: one string or a mapping; a frame with several columns of texts, none of which is called
            ``text``; no document; a row that is no document. The message names the row.
    """
    if sp.issparse(X):
        return None
    if isinstance(X, (str, bytes, Mapping)):
        raise InputError(
            f"{where}: X must be a list of texts or a matrix of counts, got a {type(X).__name__}; for a "
            "single document pass a list of one text"
        )
    columns = _columns(X)
    if columns:
        name = _text_column(X, columns, where)
        if name is None:
            return None
        X = X[name]
    shape = getattr(X, "shape", None)
    if not isinstance(X, Iterable) or (shape and len(shape) != 1):
        return None
    rows = _plain(X)
    if not rows:
        raise InputError(f"{where}: at least one document is needed, got none (0 samples)")
    if isinstance(rows[0], Mapping):
        raise InputError(
            f"{where}: every document must be a text, but document 0 is a {type(rows[0]).__name__}, a row of "
            f"a table; pass the column of the documents: [row[{_TEXT!r}] for row in X]"
        )
    kind = next((kind for row in rows if (kind := _kind(row)) is not None), None)
    if kind is None:
        return None
    missing = [number for number, row in enumerate(rows) if _is_missing(row)]
    empty: Any = "" if kind == "texts" else []
    for number in missing:
        rows[number] = empty
    for number, row in enumerate(rows):
        if not _fits(row, kind):
            raise InputError(
                f"{where}: every document must be {_WHAT[kind]}, but document {number} is {row!r:.40}, a "
                f"{type(row).__name__}; leave it out, or put an empty one in its place"
            )
    if missing:
        shown = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        warnings.warn(
            f"{where}: {len(missing):,} of {len(rows):,} documents are missing and taken as empty: "
            f"numbers {shown}",
            UserWarning, stacklevel=2,
        )  # fmt: skip
    return Given(kind, rows)


_WHAT = {"texts": "a text", "tokens": "a list of words", "bags": "a list of (word number, count)"}


def _columns(X: Any) -> list[str]:
    """The columns' names of a data frame of any library."""
    names = getattr(X, "column_names", None)  # Arrow's tables and Hugging Face data sets
    if names is None and hasattr(X, "columns") and hasattr(X, "dtypes"):
        names = X.columns
    return [] if names is None else list(names)


def _text_column(X: Any, columns: Sequence[str], where: str) -> str | None:
    """The column of texts; ``None`` where every column holds numbers."""
    found = [
        name
        for name in columns
        if any(_kind(value) in ("texts", "tokens") for value in _head(X[name]))
    ]
    if not found or found == list(columns) == [found[0]]:
        return found[0] if found else None
    if _TEXT in found:
        return _TEXT
    raise InputError(
        f"{where}: X must be texts or a matrix of counts, got a data frame in which "
        f"{' and '.join(repr(name) for name in found)} "
        f"hold{'s' if len(found) == 1 else ''} text and no column is called {_TEXT!r}; pass the column of "
        f"the documents: X[{found[0]!r}]"
    )


def _head(column: Any) -> list[Any]:
    return _plain(column[:_LOOKED_AT])


def _plain(column: Any) -> list[Any]:
    """The values of a column as Python has them: Arrow and polars have scalars and lists of their own."""
    for method in ("to_pylist", "to_list"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)


def _is_missing(row: Any) -> bool:
    """None, NaN, and pandas' NA and NaT; an empty text is there."""
    return row is None or (not isinstance(row, str) and str(row) in ("nan", "<NA>", "NaT"))


def _kind(row: Any) -> Literal["texts", "tokens", "bags"] | None:
    if isinstance(row, str):
        return "texts"
    first = next(iter(row), None) if isinstance(row, (list, tuple, np.ndarray)) else None
    if isinstance(first, str):
        return "tokens"
    return "bags" if _is_pair(first) else None


def _fits(row: Any, kind: str) -> bool:
    if kind == "texts":
        return isinstance(row, str)
    if not isinstance(row, (list, tuple, np.ndarray)):
        return False
    return all(isinstance(one, str) if kind == "tokens" else _is_pair(one) for one in row)


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and isinstance(value[0], Integral)
        and isinstance(value[1], Real)
    )
