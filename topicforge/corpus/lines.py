"""Text files as lines: one way to open them, one way to say what is wrong with them."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from topicforge.corpus.zstd import open_zstd
from topicforge.errors import CorpusError


def read_lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """Yield the lines of a text file, without their ends, as they come.

    Lines end at a line feed, with or without a carriage return before it, and nowhere else: str's
    own ``splitlines`` would also break at separators that texts hold. A byte order mark is
    skipped; ``.gz`` and ``.zst`` are unpacked on the way.

    Args:
        path: the file.
        encoding: a Python codec.

    Raises:
        CorpusError: missing, unreadable, damaged, or not of that encoding; with the line.
        MissingExtraError: ``.zst`` without the extra ``zstd``.
    """
    try:
        codec = codecs.lookup(encoding).name
    except LookupError as error:
        raise CorpusError(
            f"{path}: {encoding!r} is no encoding that Python knows; try utf-8, gb18030 or latin-1"
        ) from error
    if codec == "utf-8":
        codec = "utf-8-sig"
    number = 0
    try:
        with _opened(path) as raw, io.TextIOWrapper(raw, encoding=codec, newline="\n") as file:
            for number, line in enumerate(file, start=1):  # noqa: B007 (for the error)
                yield line.removesuffix("\n").removesuffix("\r")
    except UnicodeError as error:
        raise CorpusError(
            f"{path}: not {encoding} near line {number + 1} ({error}); name the file's encoding, e.g. "
            "encoding='gb18030' or 'latin-1', or convert it to UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def _opened(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path))
    return open_zstd(path) if suffix == ".zst" else path.open("rb")


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return a whole text file; see :func:`read_lines`."""
    return "\n".join(read_lines(path, encoding))


def unreadable(path: Path, error: BaseException) -> CorpusError:
    """Return the error for a file that can't be opened or read."""
    if isinstance(error, FileNotFoundError):
        return CorpusError(f"{path}: there is no such file")
    if isinstance(error, IsADirectoryError):
        return CorpusError(f"{path}: must be a file, but is a folder")
    if isinstance(error, PermissionError):
        return CorpusError(f"{path}: no permission to read it")
    return CorpusError(
        f"{path}: can't be read to its end ({type(error).__name__}: {error}); it is damaged or "
        "truncated, get it again"
    )
