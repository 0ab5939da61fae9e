"""Standard output while a plugin loads."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


class Kept(io.TextIOWrapper):
    """Stands in for a stream; once released, it passes text on to the stream.

    A plugin may keep it (a logging handler made at import does), so later text must not be lost.
    """

    released = False

    def __init__(self, stream: TextIO) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, "utf-8", "backslashreplace", newline="", write_through=True)
        self._stream = stream

    def write(self, text: str) -> int:
        """Keep the text, or pass it on."""
        return self._stream.write(text) if self.released else super().write(text)

    @property
    def text(self) -> str:
        """Everything written before the release."""
        return self._bytes.getvalue().decode(errors="replace")


@contextmanager
def keeping_output() -> Iterator[Kept]:
    """Keep what is printed inside the block; ``sys.stdout`` is restored whatever the plugin did."""
    kept = Kept(sys.stdout)
    try:
        with redirect_stdout(kept):
            yield kept
    finally:
        kept.released = True
