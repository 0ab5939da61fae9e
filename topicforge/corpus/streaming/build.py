"""The whole way: documents -> pieces -> columns -> shards -> a corpus folder in its place.

Pass 1 cuts the documents into pieces of a fixed number and counts each over its own words; then the
columns are settled; pass 2 turns each piece into a shard. Everything lies in ``.NAME-building`` beside
the corpus, each file whole or absent. A build that was stopped goes on where it was, if source and
options are the same; options that do not touch how texts are cut keep pass 1.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import sklearn

from topicforge._version import __version__
from topicforge.corpus.folder import CORPUS, Corpus, write_description
from topicforge.corpus.lines import read_lines
from topicforge.corpus.readers.plain import Document
from topicforge.corpus.streaming.columns import choose_words, name_buckets
from topicforge.corpus.streaming.merge import merge_all
from topicforge.corpus.streaming.pieces import count_piece, cut, finished, piece_folder
from topicforge.corpus.streaming.pool import Pool
from topicforge.corpus.streaming.scratch import own_lines, read_json, scratch_of, settle
from topicforge.corpus.streaming.settings import Columns, Words
from topicforge.corpus.streaming.shards import Shard, dropped_documents, map_shard, shard_done
from topicforge.corpus.words import check_labels, check_vocabulary
from topicforge.errors import CorpusError, InputError, StorageError
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
        words: how texts are cut.
        columns: which words become columns.
        shard_documents: documents a shard.
        workers: processes.
        labels: a file with a label a line, or ``None``.
        encoding: of that file.
        name: of the corpus.
        description: what is known of the build so far, for ``corpus.json``.
        where: what messages call the source.
    """

    documents: Callable[[], Iterator[Document]]
    fingerprint: Mapping[str, Any]
    target: Path
    words: Words
    columns: Columns
    shard_documents: int
    workers: int
    labels: Path | None
    encoding: str
    name: str
    description: Mapping[str, Any]
    where: str


def build_shards(task: Task) -> Corpus:
    """Build a corpus folder of shards and open it; see the module.

    Raises:
        CorpusError: unreadable or empty input, no word left, labels of another number, a target that
            holds something else, a worker that died, no room on the disk.
        OptionError: see :class:`Columns` and :class:`Words`.
        MissingExtraError: an optional library is missing.
    """
    task.words.vectorizer()  # says what is wrong before anything is read
    target = Path(os.path.abspath(task.target))
    check_target(target, CORPUS)
    scratch = scratch_of(target)
    try:
        with workspace(scratch, target), writing_to(target), Pool(task.workers) as pool:
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
        "words": asdict(task.words),
        "shard_documents": task.shard_documents,
    }
    settle(
        scratch, "manifest.json", reading,
        (_READ, _PIECES, "columns-manifest.json", _COLUMNS, _DONE, _RESULT, _MERGE),
    )  # fmt: skip
    labels = None if task.labels is None else _file_state(task.labels)
    settle(
        scratch, "columns-manifest.json",
        {"columns": task.columns.manifest(), "labels": labels, "encoding": task.encoding},
        (_COLUMNS, _DONE, _RESULT, _MERGE),
    )  # fmt: skip


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
        pool.run(count_piece, cut(documents, task.shard_documents, folder, task.words, known))
    pieces = finished(folder)
    if sorted(pieces) != list(range(len(pieces))) or not pieces:
        raise CorpusError(f"{task.where}: must hold at least one document, got none")
    write_json(
        scratch / _READ,
        {
            "pieces": len(pieces),
            "documents": sum(piece["documents"] for piece in pieces.values()),
            "unlabelled": sum(piece["unlabelled"] for piece in pieces.values()),
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
    columns, vocabulary = task.columns, result / "vocabulary.txt"
    settled = read_json(scratch / _COLUMNS)
    if settled is None or settled["words"] != vocabulary.is_file():
        files = [piece_folder(pieces, number) / "words.bin" for number in range(read["pieces"])]
        words: list[str] | None = None
        limits: dict[str, Any] = {}
        if columns.hash_buckets is not None:
            size = columns.hash_buckets
            limits = {"hash_buckets": size}
            if columns.hash_names:
                words = name_buckets(merge_all(files, scratch / _MERGE, pool), size)
        elif columns.vocabulary is not None:
            words, limits = list(columns.vocabulary), {"vocabulary": "given"}
        else:
            records = merge_all(files, scratch / _MERGE, pool)
            words, limits = choose_words(records, columns, read["documents"])
        if words is not None:
            size = len(check_vocabulary(words, None, task.where))
            with write_file(vocabulary) as file:
                file.writelines(f"{word}\n".encode() for word in words)
        settled = {"size": size, "limits": limits, "words": words is not None}
        write_json(scratch / _COLUMNS, settled)
    return [
        Shard(
            number, pieces, scratch / _DONE, result,
            vocabulary if columns.hash_buckets is None else None, settled["size"],
            columns.drop_empty,
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
    dropped = {"dropped_empty_documents": total["dropped"]} if task.columns.drop_empty else {}
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
            "description": {**task.description, **settled["limits"], **dropped},
        },
        [(d["documents"], d["entries"]) for d in done],
    )
    write_manifest(result, CORPUS)
    return result


def _write_labels(task: Task, scratch: Path, shards: list[Shard]) -> int | None:
    """Write ``labels.txt`` line by line, if every document has one, and return how many differ."""
    read = read_json(scratch / _READ) or {}
    path = scratch / _RESULT / "labels.txt"
    if task.labels is None and read["unlabelled"]:
        path.unlink(missing_ok=True)
        return None
    if task.labels is not None and not read["unlabelled"]:
        raise CorpusError(
            f"{task.where}: has labels of its own, so a file of labels can't be given too"
        )
    differ: set[str] = set()
    with write_file(path) as file:
        for label in _kept_labels(task, shards):
            differ.add(label)
            file.write(f"{label}\n".encode())
    return len(differ)


def _kept_labels(task: Task, shards: list[Shard]) -> Iterator[str]:
    known = finished(shards[0].pieces)
    given = None if task.labels is None else read_lines(task.labels, task.encoding)
    n = 0
    for shard in shards:
        documents = known[shard.number]["documents"]
        out = set(dropped_documents(shard).tolist())
        lines = given or own_lines(piece_folder(shard.pieces, shard.number) / "labels.txt")
        for at, (_, label) in enumerate(zip_longest(range(documents), _take(lines, documents))):
            if label is None:
                raise CorpusError(
                    f"{task.labels}: there must be one label a document, but the file ends after "
                    f"{n} labels"
                )
            n += 1
            if at not in out:
                yield label
    if given is not None and (more := sum(1 for _ in given)):
        raise CorpusError(
            f"{task.labels}: there must be one label a document: {n} documents, {n + more} labels"
        )


def _take(lines: Iterator[str], number: int) -> Iterator[str]:
    try:
        for _, line in zip(range(number), lines, strict=False):
            yield check_labels((line,), None, "labels")[0]
    except CorpusError:
        raise
    except InputError as error:
        raise CorpusError(str(error)) from error
