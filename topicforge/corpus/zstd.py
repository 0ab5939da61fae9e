"""Files compressed with Zstandard (RFC 8878), by the library zstandard, the extra ``zstd``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any

from topicforge.errors import MissingExtraError

#: compressed bytes at a time: a hostile file may unpack to 30,000 times as much
_BITE = 1 << 11


def open_zstd(path: Path) -> IO[bytes]:
    """Open a file of one frame or several for reading, unpacked.

    What comes before damage is given out first, then ``EOFError`` (the last frame does not end) or
    ``OSError`` (it is no Zstandard), as :mod:`gzip` does.

    Raises:
        MissingExtraError: zstandard is not installed.
        OSError: the file can't be opened.
    """
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: Zstandard needs the library zstandard, which is not installed: "
            "pip install 'topicforge[zstd]'"
        ) from error
    return io.BufferedReader(_Frames(path.open("rb"), zstandard), 1 << 16)


class _Frames(io.RawIOBase):
    """The library's own reader takes a truncated frame for the end of the file."""

    def __init__(self, file: IO[bytes], library: Any) -> None:
        self._file = file
        self._library = library
        self._frame: Any = None
        self._fed = False
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._more():
                return 0
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()

    def _more(self) -> bool:
        """Unpack one bite; false at the end of the file."""
        bite = self._packed or self._file.read(_BITE)
        self._packed = b""
        if not bite:
            if self._fed:
                raise EOFError("the compressed data ends within a frame")
            return False
        if self._frame is None or self._frame.eof:
            self._frame = self._library.ZstdDecompressor().decompressobj()
        try:
            self._ready = memoryview(self._frame.decompress(bite))
        except self._library.ZstdError as error:
            raise OSError(f"no valid Zstandard data: {error}") from error
        self._fed = not self._frame.eof
        if self._frame.eof:
            self._packed = bytes(self._frame.unused_data)
        return True
