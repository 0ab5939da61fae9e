"""A study's folder: one JSON file per finished cell, and all of them as tables.

    cells/CORPUS/CONTESTANT/kK-seedS-MARK/cell.json   settings, versions, timings, scores, topics
    results.json  results.parquet                     one row per cell
    topics.parquet                                    one row per top word

Each file appears whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from topicforge.errors import MissingExtraError
from topicforge.experiments.compare.cells import Cell
from topicforge.storage import check_claim, claim_folder, read_bytes, write_file, write_json

Record = dict[str, Any]
_MARK, _WHAT = "study.json", "a study"


class Store:
    """The folder of one study.

    Args:
        folder: new, empty, or a study's.

    Raises:
        OutputError: the folder holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        check_claim(folder, _MARK, _WHAT)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from writing to the folder, which is made if it is new.

        Raises:
            StorageError: another process works in it, or it can't be written.
        """
        with claim_folder(self.folder, _MARK, {"format": 1}, _WHAT):
            yield

    def read(self, cell: Cell) -> Record | None:
        """Return what is known of a cell, or ``None``; half a file counts as nothing."""
        path = self._path(cell)
        try:
            record = json.loads(read_bytes(path))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and "status" in record else None

    def write(self, cell: Cell, record: Record) -> None:
        """Keep a finished cell."""
        path = self._path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, json.loads(json.dumps(record, default=str)))

    def is_done(self, cell: Cell, *, retry_failed: bool) -> bool:
        """Whether a cell has its result."""
        known = self.read(cell)
        return known is not None and not (retry_failed and known["status"] == "failed")

    def records(self, cells: Iterable[Cell]) -> list[Record]:
        """Return the records of those cells that have one, in their order."""
        return [record for cell in cells if (record := self.read(cell)) is not None]

    def export(self, records: Iterable[Record]) -> None:
        """Write all records as tables.

        Raises:
            MissingExtraError: without pyarrow.
        """
        pa = arrow()
        from pyarrow import parquet

        kept = list(records)
        flat = [_flat(record) for record in kept]
        write_json(self.folder / "results.json", flat)
        columns = list(dict.fromkeys(name for row in flat for name in row))
        table = pa.table({name: [row.get(name) for row in flat] for name in columns})
        with write_file(self.folder / "results.parquet") as file:
            parquet.write_table(table, file)
        words = [
            {**_named(record), "topic": topic, "place": place, "word": word}
            for record in kept
            for topic, listed in enumerate(record.get("topics", []))
            for place, word in enumerate(listed)
        ]
        with write_file(self.folder / "topics.parquet") as file:
            parquet.write_table(pa.Table.from_pylist(words), file)

    def _path(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.key / "cell.json"


def arrow() -> Any:
    """Return pyarrow.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError(
            "compare: Parquet needs pyarrow: pip install 'topicforge[compare]'"
        ) from error
    return pyarrow


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
