"""Theta of more documents than memory holds: a folder of shards, written one after the other.

    theta.json           of which model and documents, how many documents a shard holds
    theta-00000.npy      float32 (documents of the shard, K); or theta-00000.parquet
    theta-00001.npy      ...

A shard appears under its name whole or not at all, and a later call writes those that are missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError, MissingExtraError, OptionError, OutputError, StorageError
from topicforge.storage import claim_folder, read_claim, write_array, write_file

MARK = "theta.json"
FORMAT = 1
KINDS = ("npy", "parquet")
WHAT = "shards of theta"
_REMOVE = "name another folder, or remove this one"

Theta = NDArray[np.float32]


@dataclass(frozen=True)
class ThetaFolder:
    """Shards of theta, in the order of the documents.

    Args:
        folder: where they are.
        n_documents: N.
        n_topics: K.
        shard_documents: documents per shard, fewer in the last.
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
        """Write a shard from its parts, one after the other; it appears whole or not at all.

        Args:
            number: of the shard.
            parts: (n, K) each, as many documents together as the shard has.

        Raises:
            StorageError: no room, or the file can't be written.
        """
        with write_file(self.file(number)) as file:
            if self.kind == "parquet":
                _write_parquet(file, parts, self.n_topics)
                return
            write_array(file, (len(self.rows(number)), self.n_topics), parts)

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
        StorageError: no such folder, or damaged; shards are looked at when they are read.
    """
    return _opened(Path(folder), read_claim(Path(folder), MARK, WHAT))


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
        shard_documents: documents per shard.
        kind: npy or parquet.
        on_shard: called with the number of documents done and N after each shard.

    Raises:
        OptionError: another ``kind``, or no whole ``shard_documents``.
        OutputError: the folder holds something else, or theta of another model or documents.
        StorageError: another process writes to the folder, or there is no room.
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
    with claim_folder(folder, MARK, wanted, WHAT) as found:
        for key, value in wanted.items():
            if found.get(key) != value:
                what = "of another model or other documents" if key == "of" else (
                    f"written with {key} {found.get(key)!r}, here it is {value!r}"
                )  # fmt: skip
                raise OutputError(f"{folder}: holds theta {what}; {_REMOVE}")
        theta = _opened(folder, wanted)
        for number in range(theta.n_shards):
            if not theta.is_whole(number):
                theta.write(number, infer(theta.rows(number)))
            if on_shard is not None:
                on_shard(theta.rows(number).stop, n_documents)
    return theta


def _opened(folder: Path, found: dict[str, Any]) -> ThetaFolder:
    if found.get("format") != FORMAT:
        raise StorageError(f"{folder / MARK}: must be of format {FORMAT}; {_REMOVE}")
    numbers = [found.get(key) for key in ("documents", "topics", "shard_documents")]
    if found.get("kind") not in KINDS or not all(type(n) is int and n > 0 for n in numbers):
        raise StorageError(f"{folder / MARK}: is damaged; {_REMOVE}")
    documents, topics, shard = (int(n) for n in numbers if n is not None)
    return ThetaFolder(folder, documents, topics, shard, str(found["kind"]))


def _write_parquet(file: IO[bytes], parts: Iterable[Theta], n_topics: int) -> None:
    """Write one column per topic, ``topic_0`` first, one row group per part."""
    import pyarrow as pa

    schema = pa.schema([(f"topic_{k}", pa.float32()) for k in range(n_topics)])
    with _parquet().ParquetWriter(file, schema) as writer:
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
