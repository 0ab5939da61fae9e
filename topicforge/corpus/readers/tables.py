"""Tables with a column of texts: CSV, TSV, JSON lines, Parquet; read as a stream."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from topicforge.corpus.lines import read_lines, unreadable
from topicforge.corpus.readers.plain import Document
from topicforge.errors import CorpusError, MissingExtraError, did_you_mean

DEFAULT_COLUMN = "text"


def read_csv(
    path: Path,
    text_column: str | None,
    label_column: str | None,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Iterator[Document]:
    """Yield the rows of a table whose first line names the columns.

    Args:
        path: the file, quoted as spreadsheets do.
        text_column: ``None`` for ``text``, or the only column there is.
        label_column: ``None`` for no labels.
        encoding: a Python codec.
        delimiter: between columns.

    Raises:
        CorpusError: unknown column, a row with more or fewer fields than the first, a quote that
            never ends, or see :func:`~topicforge.corpus.lines.read_lines`.
    """
    limit = csv.field_size_limit()
    lines = (f"{line}\n" for line in read_lines(path, encoding))
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        # a document may be longer than the 128 KiB that csv allows by default
        csv.field_size_limit(2**31 - 1)
        columns = next(rows, None)
        if columns is None:
            raise CorpusError(f"{path}: must begin with a line of column names, but is empty")
        text_at, label_at = _columns(path, columns, text_column, label_column)
        for row in rows:
            if not row:
                continue  # a blank line, as csv.DictReader does
            if len(row) != len(columns):
                raise CorpusError(
                    f"{path}: line {rows.line_num} must have {len(columns)} fields, got {len(row)}; it "
                    "is truncated or a text with the delimiter in it is not quoted"
                )
            yield row[text_at], None if label_at is None else row[label_at]
    except csv.Error as error:
        raise CorpusError(
            f"{path}: line {rows.line_num} is not CSV ({error}); a quote is missing, or the file is "
            "truncated"
        ) from error
    finally:
        csv.field_size_limit(limit)


def read_jsonl(
    path: Path, text_column: str | None, label_column: str | None, encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield the lines of a file with one JSON object a line; blank lines are passed over.

    Args:
        path: the file.
        text_column: the key of the text; ``None`` for ``text``. Its value is a string; null is an
            empty document.
        label_column: the key of the label, a string, number or boolean; ``None`` for no labels.
        encoding: a Python codec.

    Raises:
        CorpusError: a line that is no object or lacks a key, or see
            :func:`~topicforge.corpus.lines.read_lines`.
    """
    for number, line in enumerate(read_lines(path, encoding), start=1):
        if not line.strip():
            continue
        where = f"{path}: line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(
                f"{where} must be a JSON object ({error}); is it truncated?"
            ) from error
        if not isinstance(row, Mapping):
            raise CorpusError(f"{where} must be a JSON object, got a {type(row).__name__}")
        text_at, label_at = _columns(where, list(row), text_column, label_column)
        text = row[_name(row, text_at)]
        yield (
            _text(text, where),
            None if label_at is None else _label(row[_name(row, label_at)], where),
        )


def read_parquet(
    path: Path, text_column: str | None, label_column: str | None
) -> Iterator[Document]:
    """Yield the rows of a Parquet file; needs the extra ``parquet``.

    Args:
        path: the file.
        text_column: see :func:`read_jsonl`.
        label_column: see :func:`read_jsonl`.

    Raises:
        MissingExtraError: pyarrow is not installed.
        CorpusError: unknown column, values of another type, a damaged file.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: Parquet needs pyarrow, which is not installed: pip install 'topicforge[parquet]'"
        ) from error
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            columns = list(file.schema_arrow.names)
            text_at, label_at = _columns(path, columns, text_column, label_column)
            wanted = [columns[at] for at in (text_at, label_at) if at is not None]
            for batch in file.iter_batches(batch_size=1024, columns=wanted):
                texts = batch.column(columns[text_at]).to_pylist()
                labels: Sequence[Any] = [None] * len(texts)
                if label_at is not None:
                    labels = batch.column(columns[label_at]).to_pylist()
                for text, label in zip(texts, labels, strict=True):
                    where = f"{path}: row {number}"
                    number += 1
                    yield _text(text, where), None if label_at is None else _label(label, where)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error


def _columns(
    where: object, columns: Sequence[str], text_column: str | None, label_column: str | None
) -> tuple[int, int | None]:
    """Return the numbers of the two columns."""
    chosen = text_column
    if chosen is None:
        chosen = columns[0] if len(columns) == 1 and label_column is None else DEFAULT_COLUMN
    numbers: list[int | None] = []
    for name, option in ((chosen, "text_column"), (label_column, "label_column")):
        if name is None:
            numbers.append(None)
        elif columns.count(name) == 1:
            numbers.append(columns.index(name))
        else:
            problem = "comes twice" if name in columns else "is not there"
            raise CorpusError(
                f"{where}: column {name!r} {problem}; {option} must name one of: "
                f"{', '.join(map(repr, columns)) or 'none'}.{did_you_mean(name, columns)}"
            )
    return numbers[0] or 0, numbers[1]


def _name(row: Mapping[str, Any], at: int) -> str:
    return list(row)[at]


def _text(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CorpusError(
            f"{where}: the text must be a string, got {value!r:.40} ({type(value).__name__}); choose "
            "another text_column"
        )
    return value


def _label(value: Any, where: str) -> str:
    if value is None or not isinstance(value, (str, int, float)):
        raise CorpusError(
            f"{where}: the label must be a string or a number, got {value!r:.40}; complete the labels or "
            "leave label_column out"
        )
    return str(value)
