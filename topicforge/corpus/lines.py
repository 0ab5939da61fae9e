"""Opening files and reading them line by line, in one way for texts, words, labels and topics."""

from __future__ import annotations

import codecs
import gzip
import io
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from topicforge.errors import CorpusError, MissingExtraError

#: endings of compressed files, which are unpacked while they are read
PACKED = (".gz", ".zst")
#: real text reaches some 30; gzip's maximum is 1,032, Zstandard's beyond 10,000
MAX_RATIO = 200
_UNCHECKED = 1 << 26


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading; ``.gz`` and ``.zst`` are unpacked while they are read.

    Raises:
        OSError: missing or unreadable.
        CorpusError: neither a file nor a link to one (a named pipe would block for ever); while
            reading: more than 64 MiB that are more than 200 times the compressed bytes.
        MissingExtraError: ``.zst`` without the extra ``zstd``.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
        raise CorpusError(
            f"{path}: must be a regular file, but is a pipe, socket or device; write its content into "
            "a file first"
        )
    raw = path.open("rb")
    suffix = path.suffix.lower()
    if suffix not in PACKED or state.st_size == 0:
        return raw
    try:
        unpacked = gzip.GzipFile(fileobj=raw) if suffix == ".gz" else _zstd(path, raw)
    except BaseException:
        raw.close()
        raise
    return io.BufferedReader(_Unpacked(path, raw, cast("IO[bytes]", unpacked)), 1 << 16)


def _zstd(path: Path, raw: IO[bytes]) -> Any:
    # not the library zstandard: its reader takes a truncated file for a shorter one
    try:
        try:
            from compression import zstd  # from Python 3.14 on
        except ImportError:
            from backports import zstd
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: Zstandard needs the library backports.zstd, which is not installed: "
            "pip install 'topicforge[zstd]'"
        ) from error
    # public dumps are made with windows of up to 2 GiB
    return zstd.ZstdFile(raw, options={zstd.DecompressionParameter.window_log_max: 31})


class _Unpacked(io.RawIOBase):
    """A compressed file whose content may not outgrow it without bounds."""

    def __init__(self, path: Path, raw: IO[bytes], unpacked: IO[bytes]) -> None:
        self._path, self._raw, self._unpacked, self._size = path, raw, unpacked, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._unpacked.read(len(buffer))
        except (OSError, EOFError):
            raise
        except Exception as error:  # ZstdError and zlib.error have no common base
            raise OSError(str(error)) from error
        buffer[: len(data)] = data
        self._size += len(data)
        if self._size > max(_UNCHECKED, MAX_RATIO * self._raw.tell()):
            raise CorpusError(
                f"{self._path}: unpacks to more than {MAX_RATIO} times its size, as a decompression bomb "
                "does; if its content is right, unpack it and read the plain file"
            )
        return len(data)

    def close(self) -> None:
        self._unpacked.close()
        self._raw.close()
        super().close()


def read_lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """Yield the lines of a text file, without their ends, as they come.

    Lines end at a line feed, with or without a carriage return before it, and nowhere else:
    ``str.splitlines`` would also break at separators that texts hold (form feed, NEL, U+2028). A
    byte order mark is skipped; compressed files are unpacked.

    Args:
        path: the file.
        encoding: a Python codec.

    Raises:
        CorpusError: missing, unreadable, damaged, or not of that encoding; with the line. See also
            :func:`open_bytes`.
        MissingExtraError: see :func:`open_bytes`.
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
        with io.TextIOWrapper(open_bytes(path), encoding=codec, newline="\n") as file:
            for number, line in enumerate(file, start=1):  # noqa: B007 (for the error)
                yield line.removesuffix("\n").removesuffix("\r")
    except UnicodeError as error:
        raise CorpusError(
            f"{path}: not {encoding} near line {number + 1} ({error}); name the file's encoding, e.g. "
            "encoding='gb18030' or 'latin-1', or convert it to UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


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
