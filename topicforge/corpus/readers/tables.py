"""Tables with a column of texts: CSV, TSV, JSON, JSON lines, Parquet; all but JSON read as a stream."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from topicforge.corpus.lines import read_lines, read_text, unreadable
from topicforge.corpus.reader import Document, Reading
from topicforge.errors import CorpusError, MissingExtraError, did_you_mean

DEFAULT_COLUMN = "text"
Quoting = Literal[0, 3]  # csv.QUOTE_MINIMAL and csv.QUOTE_NONE
_log = logging.getLogger(__name__)
#: rows in which delimiter and header are looked for
_HEAD = 50
#: second column of OCTIS's corpus.tsv, which has no header: text, partition, label
_PARTITIONS = frozenset(("train", "val", "test"))


def read_csv(path: Path, reading: Reading, usual: str = ",") -> Iterator[Document]:
    """Yield the rows of a table of delimited columns.

    Where the options say nothing, the delimiter is the ``usual`` one, or the one of comma,
    semicolon, tab and bar that cuts all of the first 50 rows into the same number of columns, two or
    more. The first row names the columns if one of them is ``text`` or ``text_column``, or if the
    only column's first value is one word.

    Raises:
        CorpusError: unknown column, a row with more or fewer fields than the first, a quote that
            never ends or that may be a plain character, or see
            :func:`~topicforge.corpus.lines.read_lines`.
    """
    limit = csv.field_size_limit()
    lines = read_lines(path, reading.encoding)
    try:
        # a document may be longer than the 128 KiB that csv allows by default
        csv.field_size_limit(2**31 - 1)
        head = list(islice(lines, _HEAD))
        layout = _layout(path, head, reading, usual)
        for number, row in enumerate(_rows(path, chain(head, lines), layout, reading)):
            if number or not layout.header:
                yield row[layout.text], None if layout.label is None else row[layout.label]
    finally:
        csv.field_size_limit(limit)


def read_tsv(path: Path, reading: Reading) -> Iterator[Document]:
    """Yield the rows of a table whose columns are separated by tabs; see :func:`read_csv`."""
    return read_csv(path, reading, "\t")


@dataclass(frozen=True)
class _Layout:
    delimiter: str
    quoting: Quoting
    header: bool
    text: int
    label: int | None


def _layout(path: Path, head: list[str], reading: Reading, usual: str) -> _Layout:
    delimiters = [reading.delimiter or usual]
    quoting: Quoting = csv.QUOTE_NONE if reading.quoting == "none" else csv.QUOTE_MINIMAL
    octis = [line.split("\t") for line in head if line]
    is_octis = (reading.delimiter, reading.header, reading.text_column) == (
        None,
        None,
        None,
    ) and all(len(row) > 1 and row[1] in _PARTITIONS for row in octis)
    if is_octis and octis:
        delimiters, quoting = ["\t"], csv.QUOTE_NONE
    elif reading.delimiter is None:
        delimiters += [other for other in ",;\t|" if other != usual]
    delimiter = next((d for d in delimiters if _width(head, d, quoting) > 1), delimiters[0])
    first = next(filter(None, _parsed(head, delimiter, quoting)), None)
    if first is None:
        raise CorpusError(f"{path}: must begin with a line of column names, but is empty")
    if is_octis:
        at = (False, 0, 2 if len(first) > 2 and reading.label_column is None else None)
    else:
        at = _header(path, first, reading)
    layout = _Layout(delimiter, quoting, *at)
    shown = "; ".join(" | ".join(f"{c:.40}" for c in row) for row in islice(
        filter(None, _parsed(head, delimiter, quoting)), 3))  # fmt: skip
    _log.info(
        "%s: columns separated by %r, %s, texts in column %d%s; first rows: %s", path, delimiter,
        "named by the first row" if layout.header else "without names", layout.text,
        "" if layout.label is None else f", labels in column {layout.label}", shown,
    )  # fmt: skip
    return layout


def _parsed(head: Iterable[str], delimiter: str, quoting: Quoting) -> Iterator[list[str]]:
    """Rows up to the first that is not whole."""
    try:
        fed = (f"{line}\n" for line in head)
        yield from csv.reader(fed, delimiter=delimiter, quoting=quoting, strict=True)
    except csv.Error:
        return


def _width(head: list[str], delimiter: str, quoting: Quoting) -> int:
    """Columns, if all rows have the same number, else 0."""
    widths = {len(row) for row in _parsed(head, delimiter, quoting) if row}
    return widths.pop() if len(widths) == 1 else 0


def _header(path: Path, first: list[str], reading: Reading) -> tuple[bool, int, int | None]:
    """Whether the first row names the columns, and the numbers of the two columns."""
    text, header = reading.text_column, reading.header
    if header is None:
        if text is not None:
            header = text in first or not text.isdecimal()
        elif len(first) == 1:
            header = first[0] == DEFAULT_COLUMN or len(first[0].split()) == 1
        else:
            header = True
    names = first if header else [str(number) for number in range(len(first))]
    try:
        return (header, *_columns(path, names, text, reading.label_column))
    except CorpusError as error:
        if not header or reading.header:
            raise
        raise CorpusError(
            f"{error} If the first row is a document, say so (header=False, --no-header) and give the "
            "columns by number, from 0"
        ) from error


def _rows(
    path: Path, lines: Iterable[str], layout: _Layout, reading: Reading
) -> Iterator[list[str]]:
    taken: list[str] = []

    def fed() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield f"{line}\n"

    rows = csv.reader(fed(), delimiter=layout.delimiter, quoting=layout.quoting, strict=True)
    width = 0
    try:
        for row in rows:
            if row:  # not a blank line, as csv.DictReader does
                width = width or len(row)
                if len(row) != width:
                    raise CorpusError(
                        f"{path}: line {rows.line_num} must have {width} fields, got {len(row)}; it "
                        "is truncated, or a text with the delimiter in it is not quoted"
                    )
                if len(taken) > 1 and width > 1 and reading.quoting is None and all(
                    line.count(layout.delimiter) == width - 1 for line in taken
                ):  # fmt: skip
                    raise CorpusError(
                        f"{path}: a double quote opens in line {rows.line_num - len(taken) + 1} and "
                        f"closes in line {rows.line_num}, but each of these lines is a whole row, too; "
                        "say which it is: quoting='none' (--quoting none) where quotes are plain "
                        "characters, 'minimal' where a field may go on over several lines"
                    )
                yield row
            taken.clear()
    except csv.Error as error:
        raise CorpusError(
            f"{path}: line {rows.line_num} is not CSV ({error}); a quote is missing, the file is "
            "truncated, or its quotes are plain characters (quoting='none', --quoting none)"
        ) from error


def read_jsonl(path: Path, reading: Reading) -> Iterator[Document]:
    """Yield the lines of a file with one JSON object a line; blank lines are passed over.

    The text's key is that of the first line. Its value is a string, a list of words, or null for an
    empty document; a label that is null or missing is no label.

    Raises:
        CorpusError: a line that is no object or lacks the text, or see
            :func:`~topicforge.corpus.lines.read_lines`.
    """
    lines = enumerate(read_lines(path, reading.encoding), start=1)
    return _records(
        path,
        (
            (f"line {number}", _json(path, line, f"line {number}"))
            for number, line in lines
            if line.strip()
        ),
        reading,
    )


def read_json(path: Path, reading: Reading) -> Iterator[Document]:
    """Yield the records of a JSON file: a list of objects or of texts, or one object a line.

    Raises:
        CorpusError: see :func:`read_jsonl`; JSON of another form.
    """
    text = read_text(path, reading.encoding)
    if not text.lstrip().startswith("["):
        yield from read_jsonl(path, reading)
        return
    listed = _json(path, text, "the file")
    if all(isinstance(one, str) for one in listed):
        yield from ((one, None) for one in listed)
        return
    yield from _records(path, ((f"record {i}", row) for i, row in enumerate(listed)), reading)


def _json(path: Path, text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(
            f"{path}: {where} must be JSON, an object for each document ({error}); is it truncated?"
        ) from error


def _records(path: Path, rows: Iterable[tuple[str, Any]], reading: Reading) -> Iterator[Document]:
    text: str | None = None
    labelled, columns = False, [""]
    for where, row in rows:
        if not isinstance(row, Mapping):
            raise CorpusError(f"{path}: {where} must be a JSON object, got a {type(row).__name__}")
        if text is None or text not in row:
            columns = list(row)
            at, _ = _columns(f"{path}: {where}", columns, text or reading.text_column, None)
            text = columns[at]
        label = None if reading.label_column is None else row.get(reading.label_column)
        labelled = labelled or reading.label_column in row
        yield row[text], label
    if reading.label_column is not None and text is not None and not labelled:
        _columns(path, columns, text, reading.label_column)


def read_parquet(path: Path, reading: Reading) -> Iterator[Document]:
    """Yield the rows of a Parquet file; needs the extra ``parquet``.

    Raises:
        MissingExtraError: pyarrow is not installed.
        CorpusError: unknown column, strings that are not UTF-8, a damaged file.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: Parquet needs pyarrow, which is not installed: pip install 'topicforge[parquet]'"
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            at = _columns(path, names, reading.text_column, reading.label_column)
            wanted = [names[one] for one in at if one is not None]
            for batch in file.iter_batches(batch_size=1024, columns=wanted):
                read = [batch.column(name).to_pylist() for name in wanted]
                yield from (
                    zip(*read, strict=True) if len(read) > 1 else ((t, None) for t in read[0])
                )
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}: strings must be UTF-8, as Parquet has it ({error}); write the file again, or cast "
            "the column to binary and decode it"
        ) from error
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
