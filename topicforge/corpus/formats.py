"""Which reader a file needs: by its name, or as told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from topicforge.corpus.folder import DESCRIPTION
from topicforge.corpus.readers import bags, matrices, plain, tables
from topicforge.corpus.readers.matrices import CountFile
from topicforge.corpus.readers.plain import Document
from topicforge.corpus.readers.several import PathLike, files_of
from topicforge.errors import CorpusError, OptionError, did_you_mean

#: suffixes of compressed text
PACKED = (".gz", ".zst")
TEXT_FORMATS = ("lines", "folder", "csv", "tsv", "jsonl", "parquet")
COUNT_FORMATS = ("npz", "matrix-market", "svmlight", "uci", "lda-c")

_SUFFIXES = {
    ".txt": "lines", ".text": "lines", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".npz": "npz",
    ".mtx": "matrix-market", ".svmlight": "svmlight", ".svm": "svmlight", ".libsvm": "svmlight",
    ".ldac": "lda-c", ".lda-c": "lda-c",
}  # fmt: skip


def format_of(path: Path, format: str | None = None) -> str:  # noqa: A002 (the option's name)
    """Return the format of a file or folder.

    Args:
        path: it must exist.
        format: one of the names above, where the file's own name does not say.

    Raises:
        CorpusError: nothing there, a corpus folder, or a name that says nothing.
        OptionError: unknown format.
    """
    known = (*TEXT_FORMATS, *COUNT_FORMATS)
    if format is not None and format not in known:
        raise OptionError(
            f"format must be one of {', '.join(known)}, got {format!r}.{did_you_mean(format, known)}"
        )
    if not path.exists():
        raise CorpusError(f"{path}: there is no such file or folder")
    if path.is_dir():
        if (path / DESCRIPTION).is_file():
            raise CorpusError(
                f"{path}: is a corpus folder already, nothing needs to be built; open it with "
                "Corpus.open, or train on it"
            )
        if format not in (None, "folder"):
            raise CorpusError(f"{path}: must be a file to be read as {format}, but is a folder")
        return "folder"
    if format is not None:
        return format
    name = path.name.lower()
    packed = Path(name).suffix if name.endswith(PACKED) else ""
    name = name.removesuffix(packed)
    if name.startswith("docword"):
        return "uci"
    found = _SUFFIXES.get(Path(name).suffix)
    if found is None:
        raise CorpusError(
            f"{path}: its name must end in one of {', '.join(_SUFFIXES)} (.gz or .zst behind where it "
            f"is text), or begin with docword; else say what it is with format, one of {', '.join(known)}"
        )
    if packed and found in ("npz", "parquet"):
        raise CorpusError(f"{path}: unpack it first; {found} is compressed by itself")
    if packed == ".zst" and found in ("matrix-market", "svmlight"):
        raise CorpusError(f"{path}: unpack it first (zstd -d), or compress it with gzip")
    return found


def files_and_format(
    source: PathLike | Sequence[PathLike],
    format: str | None = None,  # noqa: A002
) -> tuple[list[Path], str]:
    """Return the files of a source in reading order, and their one format.

    Args:
        source: a path, several, or a pattern; a folder of tables of one kind, or any folder with the
            format of its files given, is a text source in parts.
        format: see :func:`format_of`.

    Raises:
        CorpusError: see :func:`format_of`; files of several formats, or several of a format that has
            no parts.
        OptionError: unknown format.
    """
    parts = tuple(kind for kind in TEXT_FORMATS if kind != "folder")
    tables = tuple(end for end, kind in _SUFFIXES.items() if kind in parts and kind != "lines")
    paths = files_of(source, tables, format in parts)
    kinds = sorted({format_of(path, format) for path in paths})
    if len(paths) > 1 and (len(kinds) > 1 or kinds[0] not in parts):
        raise CorpusError(
            f"{paths[0]} and {len(paths) - 1} more: several files must be of one text format "
            f"({', '.join(parts)}), these are {', '.join(kinds)}"
        )
    return paths, kinds[0]


def read_texts(
    path: Path,
    format: str,  # noqa: A002
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str = "utf-8",
) -> Iterator[Document]:
    """Yield ``(text, label or None)`` one by one.

    Args:
        path: file or folder.
        format: one of ``TEXT_FORMATS``.
        text_column: for tables.
        label_column: for tables.
        encoding: a Python codec.

    Raises:
        CorpusError: see the readers.
        OptionError: columns for something that has none.
    """
    if format in ("lines", "folder"):
        if text_column is not None or label_column is not None:
            raise OptionError(
                f"{path}: text_column and label_column are for tables (CSV, TSV, JSON lines, Parquet), "
                f"this is read as {format}"
            )
        read = plain.read_line_documents if format == "lines" else plain.read_folder
        return read(path, encoding)
    if format in ("csv", "tsv"):
        delimiter = "," if format == "csv" else "\t"
        return tables.read_csv(path, text_column, label_column, encoding, delimiter)
    if format == "jsonl":
        return tables.read_jsonl(path, text_column, label_column, encoding)
    return tables.read_parquet(path, text_column, label_column)


def read_counts(
    path: Path,
    format: str | None = None,  # noqa: A002
    *,
    vocab_size: int | None = None,
) -> CountFile:
    """Read a file of counts.

    Args:
        path: the file.
        format: one of ``COUNT_FORMATS``; ``None``: by name.
        vocab_size: V where it is known: svmlight and LDA-C files don't say it.

    Raises:
        CorpusError: see the readers; a file of texts.
        OptionError: unknown format.
    """
    found = format_of(path, format)
    if found == "npz":
        return matrices.read_npz(path)
    if found == "matrix-market":
        return matrices.read_matrix_market(path)
    if found == "svmlight":
        return matrices.read_svmlight(path, vocab_size)
    if found == "uci":
        return bags.read_uci(path)
    if found == "lda-c":
        return bags.read_lda_c(path, vocab_size)
    raise CorpusError(
        f"{path}: must be a file of counts ({', '.join(COUNT_FORMATS)}), this is read as {found}"
    )
