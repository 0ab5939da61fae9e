"""Plain texts: a file with one document a line, a folder with one document in each file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from topicforge.corpus.lines import read_lines, read_text, unreadable
from topicforge.corpus.reader import Document, Reading
from topicforge.errors import CorpusError


def read_line_documents(path: Path, reading: Reading) -> Iterator[Document]:
    """Yield one document per line; an empty line is an empty document.

    Raises:
        CorpusError: see :func:`~topicforge.corpus.lines.read_lines`.
    """
    for line in read_lines(path, reading.encoding):
        yield line, None


def read_folder(path: Path, reading: Reading) -> Iterator[Document]:
    """Yield one document per file, in the order of their paths, labelled by subfolder.

    All files count but hidden ones. Where there are subfolders, a document's label is the path of
    its own, and then every file must lie in one.

    Raises:
        CorpusError: no file, files beside subfolders, or a file that is not text of this encoding.
    """

    def fail(error: OSError) -> None:
        raise unreadable(Path(error.filename or path), error) from error

    found: list[tuple[tuple[str, ...], Path]] = []
    for folder, subfolders, names in os.walk(path, onerror=fail):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        inside = Path(folder).relative_to(path).parts
        found.extend(((*inside, n), Path(folder, n)) for n in names if not n.startswith("."))
    if not found:
        raise CorpusError(f"{path}: a folder of texts must hold at least one file, got none")
    found.sort()
    labelled = any(len(parts) > 1 for parts, _ in found)
    loose = [file for parts, file in found if len(parts) == 1]
    if labelled and loose:
        raise CorpusError(
            f"{path}: with subfolders as labels every file must lie in one, but {loose[0].name!r} does "
            "not; move it"
        )
    for parts, file in found:
        yield read_text(file, reading.encoding), "/".join(parts[:-1]) if labelled else None
