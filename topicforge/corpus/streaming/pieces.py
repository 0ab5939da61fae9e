"""Pass 1: a piece of the documents -> its own sorted words, their frequencies, and its counts.

pieces/00000/words.bin     records: bytes of the word, documents with it, its total; then the word
pieces/00000/indptr.npy indices.npy counts.npy    CSR over the piece's own words
pieces/00000/labels.txt    a label a line, where every document has one
pieces/00000/piece.json    numbers of documents, entries, unlabelled documents
"""

from __future__ import annotations

import struct
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from topicforge.corpus.readers.plain import Document
from topicforge.corpus.streaming.scratch import read_json
from topicforge.corpus.streaming.settings import Words
from topicforge.corpus.words import check_labels
from topicforge.storage import write_file, write_json

#: a piece ends early where its texts reach this: a shard of whole books must fit in memory, too
PIECE_CHARACTERS = 1 << 26
ARRAYS = ("indptr", "indices", "counts")
_RECORD = struct.Struct("<IQQ")
#: word in UTF-8, documents with it, how often it occurs
Record = tuple[bytes, int, int]


@dataclass(frozen=True)
class Piece:
    """Consecutive documents on their way to a worker.

    Args:
        number: of the piece, from 0.
        texts: n texts.
        labels: n labels, ``None`` where a document has none.
        folder: ``pieces/`` in the scratch folder.
        words: how to cut the texts.
        first: number of the first document in the whole source.
    """

    number: int
    texts: list[str]
    labels: list[str | None]
    folder: Path
    words: Words
    first: int


def piece_folder(folder: Path, number: int) -> Path:
    """Return the folder of a finished piece."""
    return folder / f"{number:05d}"


def cut(
    documents: Iterable[Document], size: int, folder: Path, words: Words, skip: set[int]
) -> Iterator[Piece]:
    """Yield pieces of ``size`` documents; fewer where their texts are very long, and at the end.

    Args:
        documents: as the readers give them.
        size: documents a piece.
        folder: see :class:`Piece`.
        words: see :class:`Piece`.
        skip: numbers of pieces whose texts are read past: they come without texts.
    """
    texts: list[str] = []
    labels: list[str | None] = []
    number = first = characters = 0
    for text, label in documents:
        texts.append(text)
        labels.append(label)
        characters += len(text)
        if len(texts) == size or characters >= PIECE_CHARACTERS:
            if number not in skip:
                yield Piece(number, texts, labels, folder, words, first)
            number, first = number + 1, first + len(texts)
            texts, labels, characters = [], [], 0
    if texts and number not in skip:
        yield Piece(number, texts, labels, folder, words, first)


def count_piece(piece: Piece) -> None:
    """Count the words of a piece and write it; ``piece.json`` comes last and says that it is whole.

    Raises:
        InputError: a label that is not one line of UTF-8.
    """
    ids: defaultdict[str, int] = defaultdict()
    ids.default_factory = ids.__len__
    found, ends = array("i"), array("q", [0])
    analyze = _analyser(piece.words)
    for text in piece.texts:
        found.extend(map(ids.__getitem__, analyze(text)))
        ends.append(len(found))
    ids.default_factory = None  # a circle: the words of every piece would wait for the collector
    labelled = [label for label in piece.labels if label is not None]
    check_labels(labelled, None, f"documents {piece.first} to {piece.first + len(piece.texts) - 1}")

    encoded = [word.encode("utf-8", "surrogatepass") for word in ids]  # ordered as code points are
    order = sorted(range(len(encoded)), key=encoded.__getitem__)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    # a number for each pair of document and word, sorted as the rows are to be
    width, n = max(len(order), 1), len(piece.texts)
    pairs = np.repeat(np.arange(n, dtype=np.int64) * width, np.diff(ends))
    pairs += rank[np.asarray(found)]
    pairs, values = np.unique(pairs, return_counts=True)
    rows = np.searchsorted(pairs, np.arange(n + 1, dtype=np.int64) * width)
    columns = pairs % width
    frequency = np.bincount(columns, minlength=len(order))
    totals = np.zeros(len(order), dtype=np.int64)
    np.add.at(totals, columns, values)

    target = piece_folder(piece.folder, piece.number)
    target.mkdir(parents=True, exist_ok=True)
    with write_file(target / "words.bin") as file:
        write_words(
            file,
            zip((encoded[i] for i in order), frequency.tolist(), totals.tolist(), strict=True),
        )
    arrays: tuple[NDArray[Any], ...] = (rows, columns.astype(np.int32), values.astype(np.int32))
    for name, numbers in zip(ARRAYS, arrays, strict=True):
        save_array(target / f"{name}.npy", numbers)
    if len(labelled) == len(piece.labels):
        with write_file(target / "labels.txt") as file:
            file.writelines(f"{label}\n".encode() for label in labelled)
    write_json(
        target / "piece.json",
        {
            "documents": len(piece.texts),
            "entries": len(columns),
            "unlabelled": len(piece.labels) - len(labelled),
        },
    )


def finished(folder: Path) -> dict[int, dict[str, Any]]:
    """Return what ``piece.json`` says of each finished piece, by number."""
    found: dict[int, dict[str, Any]] = {}
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            described = read_json(path / "piece.json") if path.name.isdecimal() else None
            if described is not None:
                found[int(path.name)] = described
    return found


def write_words(file: IO[bytes], records: Iterable[Record]) -> None:
    """Write records, sorted by word."""
    for word, documents, total in records:
        file.write(_RECORD.pack(len(word), documents, total))
        file.write(word)


def read_words(path: Path) -> Iterator[Record]:
    """Yield the records of a file, sorted by word, without holding them all."""
    with path.open("rb") as file:
        while head := file.read(_RECORD.size):
            length, documents, total = _RECORD.unpack(head)
            yield file.read(length), documents, total


def save_array(path: Path, values: NDArray[Any]) -> None:
    """Write a .npy file, whole or not at all."""
    with write_file(path) as file:
        np.save(file, values, allow_pickle=False)


@lru_cache(maxsize=1)
def _analyser(words: Words) -> Any:
    return words.vectorizer().build_analyzer()
