"""The vocabularies of all pieces as one sorted stream: df(w) = Σ df_p(w), total(w) = Σ total_p(w)."""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from topicforge.corpus.streaming.pieces import Record, read_words, write_words
from topicforge.corpus.streaming.pool import Pool
from topicforge.storage import write_file

#: files open at a time; systems allow 256 and more
FAN = 64
_Group = tuple[tuple[Path, ...], Path]


def merged(files: Sequence[Path]) -> Iterator[Record]:
    """Yield each word of sorted files once, sorted, with its sums; one record a file in memory."""
    last, documents, total = b"", 0, 0
    for word, more, further in heapq.merge(*map(read_words, files)):
        if word == last:
            documents, total = documents + more, total + further
            continue
        if documents:
            yield last, documents, total
        last, documents, total = word, more, further
    if documents:
        yield last, documents, total


def merge_all(files: Sequence[Path], folder: Path, pool: Pool) -> Iterator[Record]:
    """Yield what :func:`merged` does, of any number of files: groups of them first, in workers.

    Args:
        files: ``words.bin`` of each piece.
        folder: for the groups' files; must be of this build alone.
        pool: does the groups.
    """
    shutil.rmtree(folder, ignore_errors=True)
    level = 0
    while len(files) > FAN:
        (folder / str(level)).mkdir(parents=True)
        groups: list[_Group] = [
            (tuple(files[at : at + FAN]), folder / str(level) / f"{at}.bin")
            for at in range(0, len(files), FAN)
        ]
        pool.run(_merge_group, groups)
        files = [path for _, path in groups]
        level += 1
    yield from merged(files)
    shutil.rmtree(folder, ignore_errors=True)


def _merge_group(group: _Group) -> None:
    files, path = group
    with write_file(path) as file:
        write_words(file, merged(files))
