"""Which files a source is, which reader they need, and what every reader's documents must be."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from topicforge.corpus.counts import Counts
from topicforge.corpus.folder import DESCRIPTION, Corpus
from topicforge.corpus.lines import PACKED, unreadable
from topicforge.corpus.reader import CountTable, ReaderSpec, Reading, group
from topicforge.corpus.readers import matrices, plain, tables
from topicforge.corpus.words import check_label
from topicforge.errors import CorpusError, InputError, OptionError, did_you_mean

PathLike = str | os.PathLike[str]
_COLUMNS = ("text_column", "label_column")
_counts = partial(ReaderSpec, gives="counts", in_parts=False)

_TEXT, _TABLE = ("encoding",), ("encoding", *_COLUMNS)
_DELIMITED = (*_TABLE, "delimiter", "header", "quoting")

#: the built-in readers by name
READERS: Mapping[str, ReaderSpec] = {
    spec.name: spec
    for spec in (
        ReaderSpec(
            "lines", plain.read_line_documents, summary="one document per line",
            files=("*.txt", "*.text"), options=_TEXT,
        ),
        ReaderSpec(
            "folder", plain.read_folder, summary="one document per file, labelled by subfolder",
            options=_TEXT, in_parts=False,
        ),
        ReaderSpec(
            "csv", tables.read_csv, summary="a table with a column of texts", files=("*.csv",),
            options=_DELIMITED,
        ),
        ReaderSpec(
            "tsv", tables.read_tsv, summary="a table separated by tabs", files=("*.tsv", "*.tab"),
            options=_DELIMITED,
        ),
        ReaderSpec(
            "jsonl", tables.read_jsonl, summary="one JSON object per line",
            files=("*.jsonl", "*.ndjson"), options=_TABLE,
        ),
        ReaderSpec(
            "json", tables.read_json, summary="a list of JSON objects or texts", files=("*.json",),
            options=_TABLE,
        ),
        ReaderSpec(
            "parquet", tables.read_parquet, summary="a Parquet table", files=("*.parquet",),
            options=_COLUMNS, compressed=False,
        ),
        _counts(
            "npz", matrices.read_npz, summary="a sparse matrix of scipy.sparse.save_npz",
            files=("*.npz",), compressed=False,
        ),
        _counts(
            "matrix-market", matrices.read_matrix_market, summary="a MatrixMarket file",
            files=("*.mtx",),
        ),
        _counts(
            "svmlight", matrices.read_svmlight, summary="an svmlight or libsvm file",
            files=("*.svmlight", "*.svm", "*.libsvm"), options=("first_index",),
        ),
        _counts("uci", matrices.read_uci, summary="a UCI docword file", files=("docword*",)),
        _counts(
            "lda-c", matrices.read_lda_c, summary="a file of Blei's lda-c",
            files=("*.ldac", "*.lda-c"),
        ),
    )
}  # fmt: skip


def reader_of(
    path: Path,
    format: str | ReaderSpec | None = None,  # noqa: A002 (the option's name)
    readers: Mapping[str, ReaderSpec] = READERS,
) -> ReaderSpec:
    """Return the reader of a file or folder.

    Args:
        path: it must exist.
        format: a reader or its name; ``None``: by the file's name.
        readers: the known ones.

    Raises:
        CorpusError: nothing there, a corpus folder, a pipe or device, or a name that says nothing.
        OptionError: unknown format.
    """
    if isinstance(format, str) and format not in readers:
        raise OptionError(
            f"format must be one of {', '.join(readers)}, got {format!r}."
            f"{did_you_mean(format, readers)} A plugin's reader is handed over as its ReaderSpec"
        )
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: there is no such file or folder") from error
    except OSError as error:
        raise unreadable(path, error) from error
    given = readers[format] if isinstance(format, str) else format
    if stat.S_ISDIR(mode):
        if (path / DESCRIPTION).is_file():
            raise CorpusError(
                f"{path}: is a corpus folder already, nothing needs to be built; open it with "
                "Corpus.open, or train on it"
            )
        if given is not None and given.name != "folder":
            raise CorpusError(f"{path}: must be a file to be read as {given.name}, but is a folder")
        return readers["folder"]
    if not stat.S_ISREG(mode):
        raise CorpusError(
            f"{path}: must be a file or a folder, but is a pipe, socket or device; write its content "
            "into a file first"
        )
    if given is not None:
        return given
    found = _by_name(path, readers)
    if found is None:
        endings = ", ".join(pattern for spec in readers.values() for pattern in spec.files)
        raise CorpusError(
            f"{path}: its name must be one of {endings} (.gz or .zst behind it where it is text); else "
            f"say what it is with format, one of {', '.join(readers)}"
        )
    if not found.compressed and path.name.lower().endswith(PACKED):
        raise CorpusError(f"{path}: unpack it first; {found.name} is compressed by itself")
    return found


def is_known(path: Path) -> bool:
    """Whether a built-in reader reads files of this name."""
    return _by_name(path, READERS) is not None


def _by_name(path: Path, readers: Mapping[str, ReaderSpec]) -> ReaderSpec | None:
    name = path.name.lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    fitting = [
        (len(pattern), spec)
        for spec in readers.values()
        for pattern in spec.files
        if fnmatchcase(name, pattern)
    ]
    # of equals the first: a built-in
    return max(fitting, key=lambda one: one[0])[1] if fitting else None


def files_and_reader(
    source: Any,
    format: str | ReaderSpec | None = None,  # noqa: A002
    readers: Mapping[str, ReaderSpec] = READERS,
) -> tuple[list[Path], ReaderSpec]:
    """Return the files of a source in reading order, and their one reader.

    Args:
        source: a path; several, read in this order; a pattern as ``part-*.jsonl.gz``, whose files are
            read in the order of their names, where there is no such file itself. A folder of tables
            of one kind, or any folder with the format of its files given, is a source in parts;
            files that begin with ``.`` or ``_`` are left out of it.
        format: see :func:`reader_of`.
        readers: the known ones.

    Raises:
        CorpusError: see :func:`reader_of`; a folder that holds tables and other files; files of several
            formats, or several of a format that has no parts.
        OptionError: unknown format.
    """
    given = readers.get(format) if isinstance(format, str) else format
    paths = _files(source, given, readers)
    found = [reader_of(path, format, readers) for path in paths]
    names = sorted({spec.name for spec in found})
    if len(paths) > 1 and (len(names) > 1 or not found[0].in_parts):
        allowed = ", ".join(spec.name for spec in readers.values() if spec.in_parts)
        raise CorpusError(
            f"{paths[0]} and {len(paths) - 1} more: several files must be of one text format "
            f"({allowed}), these are {', '.join(names)}"
        )
    return paths, found[0]


def _files(source: Any, given: ReaderSpec | None, readers: Mapping[str, ReaderSpec]) -> list[Path]:
    if not isinstance(source, str | os.PathLike):
        found = [path for one in source for path in _files(one, given, readers)]
        if not found:
            raise CorpusError("the source must be a path or several, got an empty list")
        return found
    path = Path(source)
    if path.is_dir():
        return _parts(path, given, readers)
    if not path.exists() and glob.has_magic(os.fspath(source)):
        found = [Path(name) for name in sorted(glob.glob(os.fspath(source), recursive=True))]
        if not found:
            raise CorpusError(f"{source}: no file fits this pattern")
        return found
    return [path]


def _parts(folder: Path, given: ReaderSpec | None, readers: Mapping[str, ReaderSpec]) -> list[Path]:
    if (given is not None and not given.in_parts) or (folder / DESCRIPTION).is_file():
        return [folder]
    try:
        inside = sorted(path for path in folder.iterdir() if path.name[0] not in "._")
        if given is None:
            files = [path for path in folder.rglob("*") if path.name[0] not in "._"]
            tables_of = {path: _by_name(path, readers) for path in files if path.is_file()}
            kinds = {
                spec.name if spec and spec.in_parts and spec.name != "lines" else ""
                for spec in tables_of.values()
            }
            if kinds <= {""}:
                return [folder]
            if len(kinds) > 1 or any(path.parent != folder for path in tables_of):
                table = next(p for p, s in tables_of.items() if s and s.name == max(kinds))
                raise CorpusError(
                    f"{folder}: holds tables ({table.relative_to(folder)}) and other files or folders; "
                    "name the files or a pattern, or say how to read each file: format='folder' for a "
                    f"document per file, or one of {', '.join(sorted(kinds - {''}))} (--format)"
                )
    except OSError as error:
        raise unreadable(folder, error) from error
    for path in inside:
        if not path.is_file():
            raise CorpusError(
                f"{folder}: a folder of parts must hold files only, {path.name!r} is none"
            )
    if not inside:
        raise CorpusError(f"{folder}: a folder of parts must hold at least one file, got none")
    return inside


def read_texts(
    source: PathLike | Sequence[PathLike], reading: Reading | Mapping[str, Any] | None = None
) -> Iterator[tuple[str, str | None]]:
    """Yield the documents of a source one by one: text and label, ``None`` for none.

    Args:
        source: see :func:`files_and_reader`.
        reading: see :class:`Reading`.

    Raises:
        CorpusError: see the readers; counts; something that is no text or no label.
        OptionError: an option that the reader does not have.
    """
    chosen: Reading = group(Reading, reading, "reading")
    paths, spec = files_and_reader(source, chosen.format)
    if spec.gives != "texts":
        raise CorpusError(f"{paths[0]}: must hold texts, this is read as {spec.name}, counts")
    chosen.check(spec, paths[0])
    for path in paths:
        yield from checked(spec.read(path, chosen), str(path))


def checked(documents: Iterator[Any], where: str) -> Iterator[tuple[str, str | None]]:
    """Yield documents as text and label, whoever read them.

    Raises:
        CorpusError: a text that is neither a string nor a list of words, or a label that is none.
    """
    for number, (text, label) in enumerate(documents):
        if not isinstance(text, str):
            if text is None or (isinstance(text, float) and text != text):
                text = ""
            elif isinstance(text, list | tuple) and all(isinstance(w, str) for w in text):
                text = " ".join(text)
            else:
                raise CorpusError(
                    f"{where}: document {number}: the text must be a string or a list of words, got "
                    f"{text!r:.40} ({type(text).__name__}); choose another text_column"
                )
        if label is not None:
            try:
                label = check_label(label, f"{where}: document {number}")
            except InputError as error:
                raise CorpusError(str(error)) from error
        yield text, label


def read_counts(source: PathLike, reading: Reading | Mapping[str, Any] | None = None) -> Corpus:
    """Read a file of counts into memory.

    Args:
        source: the file.
        reading: see :class:`Reading`. ``vocab_size`` where V is known: svmlight and LDA-C files don't
            say it.

    Raises:
        CorpusError: see the readers; a file of texts; unusable counts, words or labels.
        OptionError: an option that the reader does not have.
    """
    chosen: Reading = group(Reading, reading, "reading")
    path = Path(source)
    spec = reader_of(path, chosen.format)
    if spec.gives != "counts":
        raise CorpusError(f"{path}: must be a file of counts, this is read as {spec.name}, texts")
    chosen.check(spec, path)
    return corpus_of(spec.read(path, chosen), str(path))


def corpus_of(table: CountTable, where: str) -> Corpus:
    """Return what a reader of counts returned as a corpus, whoever read it.

    Raises:
        CorpusError: unusable counts, words or labels.
    """
    try:
        return Corpus(
            Counts.from_matrix(table.matrix, where),
            None if table.vocabulary is None else tuple(table.vocabulary),
            None if table.labels is None else tuple(table.labels),
            Path(where).name,
            {
                **({"note": table.note} if table.note else {}),
                **({} if table.first_index is None else {"first_index": table.first_index}),
            },
        )
    except InputError as error:
        text = str(error)
        raise CorpusError(text if where in text else f"{where}: {text}") from error
    except MemoryError as error:
        raise CorpusError(f"{where}: too large for this machine's memory ({error})") from error
