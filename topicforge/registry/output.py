"""Standard output while a plugin loads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


class _Bytes(io.RawIOBase):
    """Keeps what is written; once released, hands it on to the stream that it stood in for."""

    name = "<kept output>"

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.kept = bytearray()
        self.released = False
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        taken = bytes(memoryview(data))  # type: ignore[arg-type]
        if self.released:
            self._stream.write(taken.decode(errors="replace"))
        else:
            self.kept += taken
        return len(taken)


class Kept(io.TextIOWrapper):
    """A stand-in for standard output whose text goes into the plugin's record.

    A plugin may hold on to it (a logging handler made at import does), so it hands later text on
    instead of losing it.

    Args:
        stream: the stream it stands in for.
    """

    def __init__(self, stream: TextIO) -> None:
        self._bytes = _Bytes(stream)
        super().__init__(self._bytes, "utf-8", "backslashreplace", newline="", write_through=True)

    @property
    def text(self) -> str:
        """Everything written before :meth:`release`."""
        return self._bytes.kept.decode(errors="replace")

    def release(self) -> None:
        """From now on, hand everything on."""
        self._bytes.released = True


@contextmanager
def keeping_output(stream: TextIO) -> Iterator[Kept]:
    """Keep what is printed inside the block; what a plugin did to ``sys.stdout`` is undone."""
    kept = Kept(stream)
    try:
        with redirect_stdout(kept):
            yield kept
    finally:
        kept.release()
