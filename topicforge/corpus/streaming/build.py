"""The whole way: documents -> pieces -> columns -> shards -> a corpus folder in its place.

Pass 1 cuts the documents into pieces of a fixed number and counts each over its own words; then the
columns are settled; pass 2 turns each piece into a shard. Everything lies in ``.NAME-building`` beside
the corpus, each file whole or absent. A build that was stopped goes on where it was, if source and
options are the same; options that do not touch how texts are cut keep pass 1.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

from topicforge._version import __version__
from topicforge.corpus.analyzer import Analyzer
from topicforge.corpus.folder import CORPUS, Corpus, write_description
from topicforge.corpus.lines import read_lines
from topicforge.corpus.pruning import Pruning
from topicforge.corpus.reader import Document
from topicforge.corpus.streaming.columns import choose_words, name_buckets
from topicforge.corpus.streaming.merge import merge_all
from topicforge.corpus.streaming.pieces import count_piece, cut, finished, piece_folder
from topicforge.corpus.streaming.pool import Pool
from topicforge.corpus.streaming.scratch import own_lines, read_json, scratch_of, settle
from topicforge.corpus.streaming.settings import Shards
from topicforge.corpus.streaming.shards import Shard, kept_rows, map_shard, shard_done
from topicforge.corpus.words import check_label, check_vocabulary
from topicforge.errors import CorpusError, StorageError
from topicforge.storage import (
    check_target,
    put_in_place,
    workspace,
    write_file,
    write_json,
    write_manifest,
    writing_to,
)

_READ, _PIECES = "read.json", "pieces"
_COLUMNS, _DONE, _RESULT, _MERGE = "columns.json", "done", "corpus", "merge"


@dataclass(frozen=True)
class Task:
    """A streaming build.

    Args:
        documents: opens the source anew and yields ``(text, label or None)``.
        fingerprint: what tells the source from another one or another state of it; JSON.
        target: the corpus folder.
        analyzer: how texts are cut.
        vocabulary: words in column order, or ``None`` to choose them.
        pruning: the limits by which they are chosen.
        shards: size of the pieces, workers, hashing.
        drop_empty: leave documents without a word out.
        labels: N labels, a file with one per line, or ``None``.
        encoding: of that file.
        name: of the corpus.
        description: what is known of the build so far, for ``corpus.json``.
        where: what messages call the source.
    """

    documents: Callable[[], Iterator[Document]]
    fingerprint: Mapping[str, Any]
    target: Path
    analyzer: Analyzer
    vocabulary: tuple[str, ...] | None
    pruning: Pruning
    shards: Shards
    drop_empty: bool
    labels: Any
    encoding: str
    name: str
    description: Mapping[str, Any]
    where: str


def build_shards(task: Task) -> Corpus:
    """Build a corpus folder of shards and open it; see the module.

    Raises:
        CorpusError: unreadable or empty input, no word left, labels of another number, a target that
            holds something else, a worker that died, no room on the disk.
        MissingExtraError: an optional library is missing.
    """
    task.analyzer("")  # what it lacks (jieba) is said before anything is read
    target = Path(os.path.abspath(task.target))
    check_target(target, CORPUS)
    scratch = scratch_of(target)
    try:
        with workspace(scratch, target), writing_to(target), Pool(task.shards.workers) as pool:
            _settle(task, scratch)
            _read_pieces(task, scratch, pool)
            shards = _settle_columns(task, scratch, pool)
            result = _put_together(task, scratch, shards, pool)
            put_in_place(result, target, CORPUS)
    except StorageError as error:
        raise StorageError(
            f"{error}. What is finished is kept in {scratch}: the same command goes on with it"
        ) from error
    return Corpus.open(target, verify=False)


def _settle(task: Task, scratch: Path) -> None:
    """Clear away what an earlier run of another source or other options left."""
    reading = {
        "topicforge": __version__,
        "scikit-learn": sklearn.__version__,
        "source": task.fingerprint,
        "analyzer": task.analyzer.to_json(),
        "shard_documents": task.shards.documents,
    }
    settle(
        scratch, "manifest.json", reading,
        (_READ, _PIECES, "columns-manifest.json", _COLUMNS, _DONE, _RESULT, _MERGE),
    )  # fmt: skip
    labels = task.labels
    if isinstance(labels, str | os.PathLike):
        labels = _file_state(Path(labels))
    elif labels is not None:
        labels = _digest(map(str, labels))
    columns = {
        "vocabulary": None if task.vocabulary is None else _digest(task.vocabulary),
        "pruning": asdict(task.pruning),
        "hashing": [task.shards.hash_buckets, task.shards.hash_names],
        "drop_empty": task.drop_empty,
    }
    settle(
        scratch, "columns-manifest.json",
        {"columns": columns, "labels": labels, "encoding": task.encoding},
        (_COLUMNS, _DONE, _RESULT, _MERGE),
    )  # fmt: skip


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256(
        "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _file_state(path: Path) -> list[str | int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise CorpusError(f"{path}: can't be read ({error.strerror})") from error
    return [str(path), stat.st_size, stat.st_mtime_ns]


def _read_pieces(task: Task, scratch: Path, pool: Pool) -> None:
    """Pass 1."""
    if read_json(scratch / _READ) is not None:
        return
    folder = scratch / _PIECES
    folder.mkdir(exist_ok=True)
    known = set(finished(folder))
    with closing(_generator(task.documents())) as documents:
        pool.run(count_piece, cut(documents, task.shards.documents, folder, task.analyzer, known))
    pieces = finished(folder)
    if sorted(pieces) != list(range(len(pieces))) or not pieces:
        raise CorpusError(f"{task.where}: must hold at least one document, got none")
    write_json(
        scratch / _READ,
        {
            "pieces": len(pieces),
            "documents": sum(piece["documents"] for piece in pieces.values()),
            "labelled": sum(piece["labelled"] for piece in pieces.values()),
        },
    )


def _generator(documents: Iterator[Document]) -> Generator[Document, None, None]:
    """Closing it closes the file that a reader has open."""
    yield from documents


def _settle_columns(task: Task, scratch: Path, pool: Pool) -> list[Shard]:
    """Write the vocabulary, if there is one, and return the jobs of pass 2."""
    read = read_json(scratch / _READ) or {}
    result, pieces = scratch / _RESULT, scratch / _PIECES
    for folder in (result / "shards", scratch / _DONE):
        folder.mkdir(parents=True, exist_ok=True)
    buckets, vocabulary = task.shards.hash_buckets, result / "vocabulary.txt"
    settled = read_json(scratch / _COLUMNS)
    if settled is None or settled["words"] != vocabulary.is_file():
        files = [piece_folder(pieces, number) / "words.bin" for number in range(read["pieces"])]
        words: list[str] | None = None
        limits: dict[str, Any] = {}
        if buckets is not None:
            size = buckets
            limits = {"hash_buckets": size}
            if task.shards.hash_names:
                words = name_buckets(merge_all(files, scratch / _MERGE, pool), size)
        elif task.vocabulary is not None:
            words, limits = list(task.vocabulary), {"vocabulary": "given"}
        else:
            records = merge_all(files, scratch / _MERGE, pool)
            words = choose_words(records, task.pruning, read["documents"])
            limits = task.pruning.limits(read["documents"])
        if words is not None:
            size = len(check_vocabulary(words, None, task.where))
            with write_file(vocabulary) as file:
                file.writelines(f"{word}\n".encode() for word in words)
        settled = {"size": size, "limits": limits, "words": words is not None}
        write_json(scratch / _COLUMNS, settled)
    return [
        Shard(
            number, pieces, scratch / _DONE, result,
            vocabulary if buckets is None else None, settled["size"], task.drop_empty,
        )
        for number in range(read["pieces"])
    ]  # fmt: skip


def _put_together(task: Task, scratch: Path, shards: list[Shard], pool: Pool) -> Path:
    """Pass 2, then labels and description."""
    pool.run(map_shard, (shard for shard in shards if shard_done(shard) is None))
    done = [shard_done(shard) or {} for shard in shards]
    total = {key: sum(d[key] for d in done) for key in done[0]}
    if not total["entries"]:
        raise CorpusError(
            f"{task.where}: at least one document must have a word, but all "
            f"{total['documents'] + total['dropped']} documents are empty"
        )
    result = scratch / _RESULT
    for left in result.rglob("*.part"):
        left.unlink(missing_ok=True)  # the manifest lists all files
    settled = read_json(scratch / _COLUMNS) or {}
    dropped = {"dropped_empty_documents": total["dropped"]} if task.drop_empty else {}
    if task.drop_empty:
        _write_rows(result / "rows.npy", scratch, shards, total["documents"])
    write_description(
        result,
        {
            "name": task.name,
            "documents": total["documents"],
            "empty_documents": total["empty"],
            "vocab_size": settled["size"],
            "entries": total["entries"],
            "words": float(total["words"]),
            "labels": _write_labels(task, scratch, shards),
            "analyzer": task.analyzer.to_json(),
            "description": {**task.description, **settled["limits"], **dropped},
        },
        [(d["documents"], d["entries"]) for d in done],
    )
    write_manifest(result, CORPUS)
    return result


def _write_rows(path: Path, scratch: Path, shards: list[Shard], n_documents: int) -> None:
    """Write which rows of the source stay, shard by shard."""
    known, first = finished(scratch / _PIECES), 0
    with write_file(path) as file:
        header = {"descr": "<i8", "fortran_order": False, "shape": (n_documents,)}
        np.lib.format.write_array_header_1_0(file, header)
        for shard in shards:
            rows = kept_rows(shard)
            if rows is not None:
                file.write((rows + first).astype("<i8").tobytes())
            first += known[shard.number]["documents"]


def _write_labels(task: Task, scratch: Path, shards: list[Shard]) -> int | None:
    """Write ``labels.txt`` line by line, if any document has one, and return how many differ."""
    read = read_json(scratch / _READ) or {}
    path = scratch / _RESULT / "labels.txt"
    if task.labels is not None and read["labelled"]:
        raise CorpusError(
            f"{task.where}: has labels of its own, so other labels can't be given too"
        )
    differ: set[str] = set()
    if task.labels is not None or read["labelled"]:
        with write_file(path) as file:
            for label in _kept_labels(task, shards):
                differ.add(label)
                file.write(f"{label}\n".encode())
    if not differ - {""}:
        path.unlink(missing_ok=True)
        return None
    return len(differ - {""})


def _kept_labels(task: Task, shards: list[Shard]) -> Iterator[str]:
    """Yield the label of each document that stays, empty for none."""
    known, given, n = finished(shards[0].pieces), _given_labels(task), 0
    for shard in shards:
        documents, rows = known[shard.number]["documents"], kept_rows(shard)
        kept = None if rows is None else set(rows.tolist())
        lines = given or own_lines(piece_folder(shard.pieces, shard.number) / "labels.txt")
        for at, label in enumerate(islice(lines, documents)):
            n += 1
            if kept is None or at in kept:
                yield label
    total = sum(piece["documents"] for piece in known.values())
    n += sum(1 for _ in given or ())
    if n != total:
        raise CorpusError(
            f"{task.labels if isinstance(task.labels, str | os.PathLike) else task.where}: there must be "
            f"one label per document: {total} documents, {n} labels"
        )


def _given_labels(task: Task) -> Iterator[str] | None:
    labels, where = task.labels, task.where
    if labels is None:
        return None
    if isinstance(labels, str | os.PathLike):
        where, labels = str(labels), read_lines(Path(labels), task.encoding)
    return (check_label(label, f"{where}: label {i}") or "" for i, label in enumerate(labels))
