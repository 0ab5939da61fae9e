"""A corpus and its folder: counts as memory-mapped arrays, words, labels, a description.

indptr.npy indices.npy counts.npy    compressed sparse rows, see Counts (format 1)
shards/00000-indptr.npy ...          the same three for each shard, see ShardedCounts (format 2)
vocabulary.txt                       one word per line, where there is a vocabulary
labels.txt                           one label per line, empty for none, where there are labels
rows.npy                             rows of the source, where some were left out
corpus.json                          format, sizes, how it was built
manifest.json                        size and SHA-256 of each of these, see topicforge.storage
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge._version import __version__
from topicforge.corpus.analyzer import Analyzer
from topicforge.corpus.counts import CHUNK, Counts
from topicforge.corpus.lines import unreadable
from topicforge.corpus.sharded import ShardedCounts
from topicforge.corpus.words import check_labels, check_vocabulary, n_classes
from topicforge.errors import CorpusError, InputError
from topicforge.storage import (
    FolderKind,
    map_array,
    read_bytes,
    read_folder,
    write_array,
    write_folder,
)

FORMAT = 1
SHARDED = 2
CORPUS = FolderKind("corpus", CorpusError, "`topicforge corpus build`")
DESCRIPTION = "corpus.json"
_ARRAYS = ("indptr", "indices", "counts")
_WORDS, _LABELS, _ROWS = "vocabulary.txt", "labels.txt", "rows.npy"
_SHARDS = "shards"


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """Counts together with what their columns and rows are called.

    Args:
        counts: N documents over V words.
        vocabulary: V words in column order, see
            :func:`~topicforge.corpus.words.check_vocabulary`, or ``None``.
        labels: N labels in row order, ``None`` for a document without one, or ``None``.
        name: what to call it.
        description: how it was built; anything that JSON can hold.
        analyzer: how its texts were cut into words, or ``None`` where that is not known.
        rows: (N,) row of the source that each document was, counted from 0, or ``None`` where all
            were kept: theta of document i belongs to row ``rows[i]``.

    Raises:
        InputError: words, labels or rows of another number, a word twice or with white space, a label
            of several lines.
    """

    counts: Counts
    vocabulary: tuple[str, ...] | None = None
    labels: tuple[str | None, ...] | None = None
    name: str = "corpus"
    description: Mapping[str, Any] = field(default_factory=dict)
    analyzer: Analyzer | None = None
    rows: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        where = f"Corpus {self.name!r}"
        if not isinstance(self.counts, Counts):
            raise InputError(
                f"{where}: counts must be Counts, got {type(self.counts).__name__}; "
                "Counts.from_matrix makes them of a matrix"
            )
        if self.vocabulary is not None:
            words = check_vocabulary(self.vocabulary, self.counts.vocab_size, where)
            object.__setattr__(self, "vocabulary", words)
        if self.labels is not None:
            labels = check_labels(self.labels, self.counts.n_documents, where)
            object.__setattr__(self, "labels", labels)
        if self.rows is not None and self.rows.shape != (self.n_documents,):
            raise InputError(
                f"{where}: rows must hold a number per document, {self.n_documents}, got shape "
                f"{self.rows.shape}"
            )

    def __repr__(self) -> str:
        labels = "" if self.labels is None else f", {n_classes(self.labels)} labels"
        return f"Corpus({self.name!r}, {self.n_documents:,} documents, {self.vocab_size:,} words{labels})"

    @property
    def n_documents(self) -> int:
        """N."""
        return self.counts.n_documents

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.counts.vocab_size

    @property
    def n_empty(self) -> int:
        """Documents without any word of the vocabulary."""
        return int((self.counts.lengths() == 0).sum())

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the corpus folder and return its path.

        Args:
            folder: new, empty, or a corpus folder, which is replaced once the new one is complete.

        Raises:
            OutputError: the folder holds anything else than a corpus, or can't be replaced.
            StorageError: it can't be written.
            InputError: the description is nothing that JSON can hold.
        """
        target = Path(os.path.abspath(folder))
        with write_folder(target, CORPUS) as fresh:
            self._write(fresh)
        return target

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, verify: bool = True) -> Corpus:
        """Open a corpus folder, its arrays memory-mapped.

        The sizes of all files are compared with the manifest, always.

        Args:
            folder: what :meth:`save` wrote.
            verify: also compare checksums and look at every entry, which reads everything once: about
                a second per gigabyte.

        Raises:
            CorpusError: no corpus folder; a file is missing, truncated, changed or of another corpus.
        """
        path = Path(folder)
        return read_folder(
            path, CORPUS, lambda files: cls._open(path, files, verify), verify=verify
        )

    @classmethod
    def _open(cls, path: Path, files: Set[str], verify: bool) -> Corpus:
        described = _read_description(path / DESCRIPTION)
        stems = _stems(described)
        needed = {DESCRIPTION, *(f"{stem}{name}.npy" for stem in stems for name in _ARRAYS)}
        if not needed <= files <= {*needed, _WORDS, _LABELS, _ROWS}:
            raise CorpusError(
                f"Corpus.open: the files of {path} do not belong together; build it again"
            )
        sizes = (described["documents"], described["vocab_size"], described["entries"])
        try:
            shards = [_open_counts(path, stem, sizes[1]) for stem in stems]
            counts = ShardedCounts(shards) if described["format"] == SHARDED else shards[0]
            if (counts.n_documents, counts.vocab_size, counts.n_entries) != sizes:
                raise InputError(
                    f"{sizes[0]} documents and {sizes[2]} entries are described, "
                    f"{counts.n_documents} and {counts.n_entries} found"
                )
            if verify:
                counts.check()
                counts.release()
            analyzer = described.get("analyzer")
            return cls(
                counts,
                _read_lines(path / _WORDS) if _WORDS in files else None,
                _read_lines(path / _LABELS) if _LABELS in files else None,
                described["name"],
                described["description"],
                None if analyzer is None else Analyzer.from_json(analyzer, "Corpus.open"),
                np.array(_map(path / _ROWS)) if _ROWS in files else None,
            )
        except InputError as error:
            raise CorpusError(
                f"Corpus.open: the files of {path} do not belong together: {error}; build it again"
            ) from error

    def _write(self, folder: Path) -> None:
        counts = self.counts
        shards = counts.shards if isinstance(counts, ShardedCounts) else None
        if shards is not None:
            (folder / _SHARDS).mkdir()
        for number, shard in enumerate(shards or [counts]):
            stem = "" if shards is None else shard_stem(number)
            for name in _ARRAYS:
                _save_array(folder / f"{stem}{name}.npy", getattr(shard, name))
        if self.vocabulary is not None:
            _save_lines(folder / _WORDS, self.vocabulary)
        if self.labels is not None:
            _save_lines(folder / _LABELS, [label or "" for label in self.labels])
        if self.rows is not None:
            _save_array(folder / _ROWS, self.rows.astype(np.int64))
        described = {
            "name": self.name,
            "documents": self.n_documents,
            "empty_documents": self.n_empty,
            "vocab_size": self.vocab_size,
            "entries": counts.n_entries,
            "words": float(counts.document_totals().sum()),
            "labels": None if self.labels is None else n_classes(self.labels),
            "analyzer": None if self.analyzer is None else self.analyzer.to_json(),
            "description": dict(self.description),
        }
        sizes = None if shards is None else [(s.n_documents, s.n_entries) for s in shards]
        write_description(folder, described, sizes)


# ---- writing ----------------------------------------------------------------------------------


def shard_stem(number: int) -> str:
    """Return what the names of a shard's files begin with: ``shards/00000-``."""
    return f"{_SHARDS}/{number:05d}-"


def write_description(
    folder: Path, described: Mapping[str, Any], shards: Sequence[tuple[int, int]] | None
) -> None:
    """Write ``corpus.json``.

    Args:
        folder: of the corpus.
        described: name, sizes and how the corpus was built.
        shards: (documents, entries) of each shard; ``None`` for a folder of one piece.

    Raises:
        InputError: something that JSON can't hold.
    """
    whole: dict[str, Any] = {
        "format": FORMAT if shards is None else SHARDED, "topicforge": __version__, **described
    }  # fmt: skip
    if shards is not None:
        whole["shards"] = [{"documents": n, "entries": m} for n, m in shards]
    try:
        text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"Corpus.save: the description must fit JSON: {error}") from error
    _save_lines(folder / DESCRIPTION, [text])


def _save_array(path: Path, array: NDArray[Any]) -> None:
    with path.open("wb") as file:
        starts = range(0, max(1, len(array)), CHUNK)
        write_array(file, array.shape, (array[start : start + CHUNK] for start in starts))


def _save_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


# ---- reading ----------------------------------------------------------------------------------


def _read_description(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(read_bytes(path))
    except (ValueError, RecursionError, OSError) as error:
        raise CorpusError(f"Corpus.open: {path} is not JSON ({error}); build it again") from error
    found = described.get("format") if isinstance(described, dict) else type(described).__name__
    if isinstance(found, bool) or found not in (FORMAT, SHARDED):
        raise CorpusError(
            f"Corpus.open: {path} must be of format {FORMAT} or {SHARDED}, got {found!r}; it is of another "
            "program or of a newer topicforge"
        )
    types = {
        "name": str,
        "documents": int,
        "vocab_size": int,
        "entries": int,
        "description": dict,
        **({"shards": list} if found == SHARDED else {}),
    }
    for key, kind in types.items():
        if not isinstance(described.get(key), kind) or isinstance(described.get(key), bool):
            raise CorpusError(
                f"Corpus.open: {path} must hold {key!r} as {kind.__name__}, got "
                f"{described.get(key)!r:.60}; build it again"
            )
    return dict(described)


def _stems(described: Mapping[str, Any]) -> list[str]:
    """What the names of the arrays begin with: nothing, or one beginning a shard."""
    if described["format"] != SHARDED:
        return [""]
    return [shard_stem(number) for number in range(len(described["shards"]))]


def _open_counts(folder: Path, stem: str, vocab_size: int) -> Counts:
    counts = Counts(
        **{name: _map(folder / f"{stem}{name}.npy") for name in _ARRAYS}, vocab_size=vocab_size
    )
    if counts.n_documents and int(np.diff(counts.indptr).min()) < 0:
        raise InputError("indptr falls")
    counts.release()
    return counts


def _map(path: Path) -> NDArray[Any]:
    try:
        # a plain view: memmap's own indexing is several times slower
        return map_array(path).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _read_lines(path: Path) -> tuple[str, ...]:
    try:
        return tuple(read_bytes(path).decode("utf-8").split("\n")[:-1])
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
