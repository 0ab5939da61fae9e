"""A study's folder: a JSON file a finished cell, and all of them as tables.

    cells/CORPUS/CONTESTANT/kK-seedS-MARK/cell.json   settings, versions, timings, scores, topics
    results.json  results.parquet                     one row a cell
    topics.parquet                                    one row a top word

A cell is written beside its place and renamed, so that an interruption leaves whole cells only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from topicforge.errors import InputError, MissingExtraError
from topicforge.experiments.compare.cells import Cell

Record = dict[str, Any]
_MARK = "study.json"


class Store:
    """The folder of one study, made if it is new.

    Args:
        folder: new, empty, or a study's.

    Raises:
        InputError: the folder holds something else, or can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / _MARK).is_file():
                if any(folder.iterdir()):
                    raise InputError(
                        f"compare: {folder} must be new, empty or a study's folder, but it holds other "
                        "files; choose another"
                    )
                (folder / _MARK).write_text('{"format": 1}\n', encoding="utf-8")
        except OSError as error:
            raise InputError(f"compare: {folder} can't be written: {error}") from error

    def read(self, cell: Cell) -> Record | None:
        """Return what is known of a cell, or ``None``; half a file counts as nothing."""
        path = self._path(cell)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and "status" in record else None

    def write(self, cell: Cell, record: Record) -> None:
        """Keep a finished cell."""
        path = self._path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}-{os.getpid()}")
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False, default=str)
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)

    def records(self, cells: Iterable[Cell]) -> list[Record]:
        """Return the records of those cells that have one, in their order."""
        return [record for cell in cells if (record := self.read(cell)) is not None]

    def export(self, records: Iterable[Record]) -> None:
        """Write all records as tables.

        Raises:
            MissingExtraError: without pyarrow.
        """
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtraError(
                "compare: Parquet needs pyarrow: pip install 'topicforge[compare]'"
            ) from error
        kept = list(records)
        flat = [_flat(record) for record in kept]
        text = json.dumps(flat, indent=1, ensure_ascii=False, allow_nan=False)
        (self.folder / "results.json").write_text(text + "\n", encoding="utf-8")
        columns = list(dict.fromkeys(name for row in flat for name in row))
        table = pa.table({name: [row.get(name) for row in flat] for name in columns})
        parquet.write_table(table, self.folder / "results.parquet")
        words = [
            {**_named(record), "topic": topic, "place": place, "word": word}
            for record in kept
            for topic, listed in enumerate(record.get("topics", []))
            for place, word in enumerate(listed)
        ]
        parquet.write_table(pa.Table.from_pylist(words), self.folder / "topics.parquet")

    def _path(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.key / "cell.json"


def _named(record: Mapping[str, Any]) -> Record:
    return {key: record[key] for key in ("corpus", "contestant", "n_topics", "seed")}


def _flat(record: Mapping[str, Any]) -> Record:
    """One row: nested numbers as columns of their own, nested settings as JSON."""
    row = {**_named(record), "status": record["status"], "error": record.get("error")}
    row |= record.get("scores", {})
    row |= {f"{name}_seconds": value for name, value in record.get("seconds", {}).items()}
    row["active_topics"] = record.get("active_topics")
    for key in ("settings", "versions"):
        row[key] = json.dumps(record.get(key, {}), ensure_ascii=False, default=str)
    return row
