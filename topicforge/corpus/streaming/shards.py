"""Pass 2: the counts of a piece over its own words -> a shard of the corpus over its columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.corpus.folder import shard_stem
from topicforge.corpus.pruning import moved
from topicforge.corpus.streaming.columns import hashed_column
from topicforge.corpus.streaming.pieces import ARRAYS, piece_folder, read_words, save_array
from topicforge.corpus.streaming.scratch import own_lines, read_json
from topicforge.errors import CorpusError
from topicforge.storage import write_json


@dataclass(frozen=True)
class Shard:
    """One job of pass 2.

    Args:
        number: of the piece, which is the number of the shard.
        pieces: folder of the pieces.
        done: folder of what is noted about finished shards.
        corpus: folder in which the corpus is put together.
        vocabulary: file of the words in column order; ``None``: hashing.
        vocab_size: V.
        drop_empty: leave documents without a word out.
    """

    number: int
    pieces: Path
    done: Path
    corpus: Path
    vocabulary: Path | None
    vocab_size: int
    drop_empty: bool


def shard_done(shard: Shard) -> dict[str, Any] | None:
    """Return documents, entries, words and empty documents of a finished shard, or ``None``."""
    if all((shard.corpus / f"{shard_stem(shard.number)}{name}.npy").is_file() for name in ARRAYS):
        return read_json(shard.done / f"{shard.number:05d}.json")
    return None


def kept_rows(shard: Shard) -> NDArray[np.int64] | None:
    """Return which documents of the piece stay, rising; ``None`` for all."""
    if not shard.drop_empty:
        return None
    rows: NDArray[np.int64] = np.load(_rows(shard), allow_pickle=False)
    return rows


def map_shard(shard: Shard) -> None:
    """Write the three arrays of a shard, then the note that it is finished.

    Raises:
        CorpusError: a count beyond int32.
    """
    folder = piece_folder(shard.pieces, shard.number)
    indptr, local, counts = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS)
    piece = sp.csr_array((counts, local, indptr), shape=(len(indptr) - 1, 2**31 - 1))
    csr = moved(piece, _columns(shard), shard.vocab_size).astype(np.int64)  # sums may pass 2^31
    csr.sum_duplicates()  # sorts, too
    if csr.nnz and int(csr.data.max()) >= 2**31:
        raise CorpusError(
            f"counts must be below 2^31, a word of shard {shard.number} occurs {int(csr.data.max())} "
            "times in a document"
        )
    empty = np.flatnonzero(np.diff(csr.indptr) == 0)
    ends = csr.indptr.astype(np.int64)
    if shard.drop_empty:
        # an empty document repeats the end of the one before it
        ends = np.delete(ends, empty + 1)
        save_array(_rows(shard), np.flatnonzero(np.diff(csr.indptr)))
    arrays: tuple[NDArray[Any], ...] = (
        ends,
        csr.indices.astype(np.int32),
        csr.data.astype(np.int32),
    )
    for name, values in zip(ARRAYS, arrays, strict=True):
        save_array(shard.corpus / f"{shard_stem(shard.number)}{name}.npy", values)
    write_json(
        shard.done / f"{shard.number:05d}.json",
        {
            "documents": len(ends) - 1,
            "entries": int(csr.nnz),
            "words": int(csr.data.sum()),
            "empty": 0 if shard.drop_empty else len(empty),
            "dropped": len(empty) if shard.drop_empty else 0,
        },
    )


def _columns(shard: Shard) -> NDArray[np.int64]:
    """Return the column of each of the piece's words, -1 for none."""
    words = (word for word, _, _ in read_words(_words(shard)))
    if shard.vocabulary is None:
        found = (hashed_column(word, shard.vocab_size) for word in words)
    else:
        stat = shard.vocabulary.stat()
        known = _vocabulary(shard.vocabulary, stat.st_mtime_ns, stat.st_ino)
        found = (known.get(word, -1) for word in words)
    return np.fromiter(found, dtype=np.int64)


@lru_cache(maxsize=1)
def _vocabulary(path: Path, *_state: int) -> dict[bytes, int]:
    """Words of a file by column; read once a process, and again where the file is another."""
    return {word.encode(): column for column, word in enumerate(own_lines(path))}


def _words(shard: Shard) -> Path:
    return piece_folder(shard.pieces, shard.number) / "words.bin"


def _rows(shard: Shard) -> Path:
    return shard.done / f"{shard.number:05d}-rows.npy"
