"""Theta of more documents than memory holds: a folder of shards, written one by one, taken up after a kill.

    theta.json           of which model and documents, how many documents a shard holds
    theta-00000.npy      float32 (documents of the shard, K); or theta-00000.parquet
    theta-00001.npy      ...

A shard is written under another name, flushed, and renamed: one that is there is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError, MissingExtraError, OptionError

MARK = "theta.json"
FORMAT = 1
KINDS = ("npy", "parquet")
_REMOVE = "name another folder, or remove this one"

Theta = NDArray[np.float32]


@dataclass(frozen=True)
class ThetaFolder:
    """Shards of theta, in the order of the documents.

    Args:
        folder: where they are.
        n_documents: N.
        n_topics: K.
        shard_documents: documents a shard, fewer in the last.
        kind: npy or parquet.
    """

    folder: Path
    n_documents: int
    n_topics: int
    shard_documents: int
    kind: str

    @property
    def n_shards(self) -> int:
        """How many files of theta there are once all is written."""
        return -(-self.n_documents // self.shard_documents)

    def file(self, number: int) -> Path:
        """Path of a shard, whether it is there or not."""
        return self.folder / f"theta-{number:05d}.{self.kind}"

    def rows(self, number: int) -> range:
        """Return the documents of a shard."""
        start = number * self.shard_documents
        return range(start, min(start + self.shard_documents, self.n_documents))

    def is_whole(self, number: int) -> bool:
        """Whether a shard is there, with as many documents and topics as it must have."""
        path = self.file(number)
        if not path.is_file():
            return False
        try:
            return self._shape(path) == (len(self.rows(number)), self.n_topics)
        except Exception:  # a damaged file fails in as many ways as its reader knows
            return False

    def shard(self, number: int) -> Theta:
        """Return theta of a shard, (documents, K); of .npy a read-only memory map.

        Raises:
            InputError: it is missing or damaged.
        """
        path = self.file(number)
        if not self.is_whole(number):
            raise InputError(
                f"{path}: must hold {len(self.rows(number)):,} x {self.n_topics} numbers, but is "
                f"{'damaged' if path.exists() else 'missing'}; give the transform that wrote "
                f"{self.folder} again"
            )
        if self.kind == "npy":
            return np.lib.format.open_memmap(path, mode="r")
        table = _parquet().read_table(path)
        return np.stack([column.to_numpy() for column in table.columns], axis=1)

    def __len__(self) -> int:
        """Return the number of documents."""
        return self.n_documents

    def __iter__(self) -> Iterator[Theta]:
        """Yield the shards in order."""
        return (self.shard(number) for number in range(self.n_shards))

    def write(self, number: int, parts: Iterable[Theta]) -> None:
        """Write a shard from its parts, one after the other; no half of it is ever under its name.

        Args:
            number: of the shard.
            parts: (n, K) each, as many documents together as the shard has.
        """
        fresh = self.folder / f".{self.file(number).name}-{os.getpid()}"
        try:
            if self.kind == "npy":
                rows = len(self.rows(number))
                theta = np.lib.format.open_memmap(
                    fresh, mode="w+", dtype=np.float32, shape=(rows, self.n_topics)
                )
                start = 0
                for part in parts:
                    theta[start : start + len(part)] = part
                    start += len(part)
                theta.flush()
                del theta
            else:
                _write_parquet(fresh, parts, self.n_topics)
            with fresh.open("rb+") as file:
                os.fsync(file.fileno())
            fresh.replace(self.file(number))
        finally:
            fresh.unlink(missing_ok=True)

    def _shape(self, path: Path) -> tuple[int, ...]:
        if self.kind == "parquet":
            described = _parquet().ParquetFile(path).metadata
            return described.num_rows, described.num_columns
        theta = np.lib.format.open_memmap(path, mode="r")
        return theta.shape if theta.dtype == np.float32 else ()


def open_theta(folder: str | Path) -> ThetaFolder:
    """Open what ``TopicModel.transform_to`` or ``topicforge transform`` wrote.

    Args:
        folder: with ``theta.json``.

    Raises:
        InputError: no such folder, or damaged; shards are looked at when they are read.
    """
    return _opened(Path(folder), _read(Path(folder)))


def write_theta(
    folder: str | Path,
    infer: Callable[[range], Iterable[Theta]],
    *,
    of: Mapping[str, Any],
    n_documents: int,
    n_topics: int,
    shard_documents: int,
    kind: str | Literal["npy", "parquet"],
    on_shard: Callable[[int, int], None] | None = None,
) -> ThetaFolder:
    """Write what of a folder of theta is not there yet.

    Args:
        folder: made where it is missing; one of the same model and documents is gone on with.
        infer: theta of a range of documents, part by part.
        of: what tells this model and these documents from others, as JSON holds it.
        n_documents: N.
        n_topics: K.
        shard_documents: documents a shard.
        kind: npy or parquet.
        on_shard: called with the number of documents done and N after each shard.

    Raises:
        OptionError: another ``kind``, or no whole ``shard_documents``.
        InputError: the folder holds something else, or theta of another model or documents.
        MissingExtraError: Parquet without pyarrow.
    """
    if kind not in KINDS:
        raise OptionError(f"transform: format must be one of {', '.join(KINDS)}, got {kind!r}")
    whole = isinstance(shard_documents, int) and not isinstance(shard_documents, bool)
    if not whole or shard_documents < 1:
        raise OptionError(
            f"transform: shard_documents must be a whole number >= 1, got {shard_documents!r}"
        )
    if kind == "parquet":
        _parquet()
    folder = Path(folder)
    wanted = {
        "format": FORMAT, "documents": n_documents, "topics": n_topics,
        "shard_documents": shard_documents, "kind": kind, "of": json.loads(json.dumps(of)),
    }  # fmt: skip
    _begin(folder, wanted)
    theta = _opened(folder, wanted)
    for number in range(theta.n_shards):
        if not theta.is_whole(number):
            theta.write(number, infer(theta.rows(number)))
        if on_shard is not None:
            on_shard(theta.rows(number).stop, n_documents)
    return theta


def _begin(folder: Path, wanted: dict[str, Any]) -> None:
    """Make the folder, or find in it the beginning of the same work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: must be a folder to write theta to: {error}") from error
    if not (folder / MARK).is_file():
        strange = [path.name for path in folder.iterdir() if not path.name.startswith(f".{MARK}")]
        if strange:
            raise InputError(
                f"{folder}: must be empty or hold theta, but holds {strange[0]!r}; name another folder"
            )
        fresh = folder / f".{MARK}-{os.getpid()}"
        fresh.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
        fresh.replace(folder / MARK)
        return
    found = _read(folder)
    for key, value in wanted.items():
        if found.get(key) != value:
            what = "of another model or other documents" if key == "of" else (
                f"written with {key} {found.get(key)!r}, here it is {value!r}"
            )  # fmt: skip
            raise InputError(f"{folder}: holds theta {what}; {_REMOVE}")
    for left in folder.glob(".theta-*"):  # of a process that was killed
        left.unlink()


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MARK
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: must be the description of theta's shards: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{path}: must describe theta's shards in format {FORMAT}; {_REMOVE}")
    return found


def _opened(folder: Path, found: dict[str, Any]) -> ThetaFolder:
    numbers = [found.get(key) for key in ("documents", "topics", "shard_documents")]
    if found.get("kind") not in KINDS or not all(type(n) is int and n > 0 for n in numbers):
        raise InputError(f"{folder / MARK}: is damaged; {_REMOVE}")
    documents, topics, shard = (int(n) for n in numbers if n is not None)
    return ThetaFolder(folder, documents, topics, shard, str(found["kind"]))


def _write_parquet(path: Path, parts: Iterable[Theta], n_topics: int) -> None:
    """Write a column a topic, ``topic_0`` first, a row group a part."""
    import pyarrow as pa

    schema = pa.schema([(f"topic_{k}", pa.float32()) for k in range(n_topics)])
    with _parquet().ParquetWriter(path, schema) as writer:
        for part in parts:
            columns = [np.ascontiguousarray(column) for column in part.T]
            writer.write_table(pa.table(columns, schema=schema))


def _parquet() -> Any:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            "transform: Parquet needs pyarrow, which is not installed: pip install 'topicforge[parquet]'"
        ) from error
    return pq
