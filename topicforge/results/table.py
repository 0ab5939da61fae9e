"""A table: records of one kind, in order, and the forms in which other programs take them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from topicforge.errors import MissingExtraError, OptionError
from topicforge.storage import write_file, write_json

Row = TypeVar("Row")
FORMATS = (".csv", ".json", ".parquet")


class Table(Sequence[Row], Generic[Row]):
    """Records of one dataclass as a sequence.

    Args:
        kind: the dataclass; its fields are the columns.
        rows: its records.
    """

    def __init__(self, kind: type[Row], rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)
        self.columns = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, index: int | slice) -> Row | tuple[Row, ...]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return "\n".join(
            [f"Table of {len(self)} rows: {', '.join(self.columns)}", *map(repr, self)]
        )

    def column(self, name: str) -> list[Any]:
        """Return a column's values; tuples become lists, as JSON and data frames have them."""
        values = (getattr(row, name) for row in self)
        return [list(value) if isinstance(value, tuple) else value for value in values]

    def to_dict(self) -> dict[str, list[Any]]:
        """Return ``{column: values}``, what every data frame library can be built from."""
        return {name: self.column(name) for name in self.columns}

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary per record."""
        columns = self.to_dict()
        return [{name: columns[name][at] for name in columns} for at in range(len(self))]

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return _library("pandas", "pandas").DataFrame(self.to_dict())

    def to_polars(self) -> Any:
        """Return a ``polars.DataFrame``.

        Raises:
            MissingExtraError: polars is not installed.
        """
        return _library("polars", "polars").DataFrame(self.to_dict())

    def to_arrow(self) -> Any:
        """Return a ``pyarrow.Table``.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        return _library("pyarrow", "topicforge[parquet]").table(self.to_dict())

    def write(self, path: str | Path) -> None:
        """Write a file, whole or not at all.

        Args:
            path: ends in ``.json`` (a list of records), ``.csv`` (UTF-8 with a heading; a list's values
                are separated by spaces) or ``.parquet`` (needs pyarrow).

        Raises:
            OptionError: another ending.
            MissingExtraError: Parquet without pyarrow.
            StorageError: the file can't be written.
        """
        path = check_format(path)
        if path.suffix == ".json":
            write_json(path, self.to_dicts())
            return
        if path.suffix == ".parquet":
            table, parquet = self.to_arrow(), import_module("pyarrow.parquet")
            with write_file(path) as file:
                parquet.write_table(table, file)
            return
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.to_dicts():
            writer.writerow(
                " ".join(map(str, v)) if isinstance(v, list) else v for v in row.values()
            )
        with write_file(path) as file:
            file.write(text.getvalue().encode())


def check_format(path: str | Path) -> Path:
    """Return the path of a table that can be written.

    Raises:
        OptionError: its ending is none of :data:`FORMATS`.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise OptionError(f"a table's file must end in {', '.join(FORMATS)}, got {path.name!r}")
    return path


def _library(name: str, install: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"a table as {name} needs the package {name}: pip install {install!r}"
        ) from error
