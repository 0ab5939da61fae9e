"""Pass 1: a piece of the documents -> its own sorted words, their frequencies, and its counts.

pieces/00000/words.bin     records: bytes of the word, documents with it, its total; then the word
pieces/00000/indptr.npy indices.npy counts.npy    CSR over the piece's own words
pieces/00000/labels.txt    a label per line, empty for none
pieces/00000/piece.json    numbers of documents and of labelled ones
"""

from __future__ import annotations

import gc
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

from topicforge.corpus.analyzer import Analyzer
from topicforge.corpus.reader import Document
from topicforge.corpus.streaming.scratch import read_json
from topicforge.storage import write_array, write_file, write_json

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
        analyzer: how to cut the texts.
    """

    number: int
    texts: list[str]
    labels: list[str | None]
    folder: Path
    analyzer: Analyzer


def piece_folder(folder: Path, number: int) -> Path:
    """Return the folder of a finished piece."""
    return folder / f"{number:05d}"


def cut(
    documents: Iterable[Document], size: int, folder: Path, analyzer: Analyzer, skip: set[int]
) -> Iterator[Piece]:
    """Yield pieces of ``size`` documents; fewer where their texts are very long, and at the end.

    Args:
        documents: as the readers give them.
        size: documents a piece.
        folder: see :class:`Piece`.
        analyzer: see :class:`Piece`.
        skip: numbers of pieces whose texts are read past: they come without texts.
    """
    texts: list[str] = []
    labels: list[str | None] = []
    number = characters = 0
    for text, label in documents:
        texts.append(text)
        labels.append(label)
        characters += len(text)
        if len(texts) == size or characters >= PIECE_CHARACTERS:
            if number not in skip:
                yield Piece(number, texts, labels, folder, analyzer)
            number += 1
            texts, labels, characters = [], [], 0
    if texts and number not in skip:
        yield Piece(number, texts, labels, folder, analyzer)


def count_piece(piece: Piece) -> None:
    """Count the words of a piece and write it; ``piece.json`` comes last and says that it is whole."""
    gc.collect()  # CountVectorizer leaves the words of the last piece in a reference cycle
    vectorizer = CountVectorizer(analyzer=piece.analyzer)
    words: list[str] = []
    try:
        matrix = vectorizer.fit_transform(piece.texts)
        words = vectorizer.get_feature_names_out().tolist()
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        matrix = sp.csr_array((len(piece.texts), 1), dtype=np.int64)
    encoded = (word.encode("utf-8", "surrogatepass") for word in words)  # sorted as code points are
    frequency = np.bincount(matrix.indices, minlength=len(words))
    totals = matrix.sum(axis=0)

    target = piece_folder(piece.folder, piece.number)
    target.mkdir(parents=True, exist_ok=True)
    with write_file(target / "words.bin") as file:
        write_words(
            file,
            zip(encoded, frequency.tolist(), np.ravel(totals).tolist(), strict=False),
        )
    arrays = (matrix.indptr, matrix.indices, matrix.data)
    for name, numbers in zip(ARRAYS, arrays, strict=True):
        save_array(target / f"{name}.npy", numbers)
    with write_file(target / "labels.txt") as file:
        file.writelines(f"{label or ''}\n".encode() for label in piece.labels)
    write_json(
        target / "piece.json",
        {
            "documents": len(piece.texts),
            "labelled": sum(label is not None for label in piece.labels),
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
        write_array(file, values.shape, [values])
