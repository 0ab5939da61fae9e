"""Files that accompany counts: a word a line, a label a line."""

from __future__ import annotations

from pathlib import Path

from topicforge.corpus.lines import read_lines
from topicforge.corpus.words import check_labels, check_vocabulary
from topicforge.errors import CorpusError, InputError


def read_vocabulary(
    path: Path, size: int | None = None, encoding: str = "utf-8"
) -> tuple[str, ...]:
    """Read a vocabulary: line i names column i.

    Args:
        path: the file.
        size: V, or ``None`` where the file decides.
        encoding: a Python codec.

    Raises:
        CorpusError: unreadable, empty, another number of words, a word twice, empty or with white
            space.
    """
    words = list(read_lines(path, encoding))
    if not words:
        raise CorpusError(f"{path}: the vocabulary must hold at least one word, got none")
    try:
        return check_vocabulary(words, size, str(path))
    except InputError as error:
        raise CorpusError(str(error)) from error


def read_labels(path: Path, n_documents: int, encoding: str = "utf-8") -> tuple[str, ...]:
    """Read labels: line i is the label of document i.

    Raises:
        CorpusError: unreadable, or another number of lines than documents.
    """
    try:
        return check_labels(read_lines(path, encoding), n_documents, str(path))
    except CorpusError:
        raise
    except InputError as error:
        raise CorpusError(str(error)) from error
