"""What a vocabulary and labels must be, for files and memory alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from topicforge.corpus.lines import read_lines
from topicforge.errors import CorpusError, InputError
from topicforge.evaluation.labels import is_missing


def check_vocabulary(
    words: Iterable[Any], size: int | None, where: str, *, phrases: bool = False
) -> tuple[str, ...]:
    """Return words as a tuple in column order.

    Args:
        words: V words, word i names column i; or ``{word: column}`` with the columns 0 to V - 1, as
            scikit-learn's ``vocabulary_``.
        size: V, or ``None`` where the words alone decide.
        where: the caller's name or a file, for messages.
        phrases: allow white space in a word, as other vectorisers' phrases have it.

    Raises:
        InputError: no order (a set), or a mapping of other numbers; not strings; an empty word, one
            with white space (a topic is written as words separated by spaces) or one that UTF-8
            can't hold; a word twice; another number of words.
    """
    if isinstance(words, str | bytes | Set) or not isinstance(words, Iterable):
        raise InputError(
            f"{where}: the vocabulary must be a sequence of words in column order, got "
            f"{'one string' if isinstance(words, str) else 'a ' + type(words).__name__}"
        )
    if isinstance(words, Mapping):
        columns = sorted(words.items(), key=lambda item: (str(type(item[1])), item[1]))
        if [column for _, column in columns] != list(range(len(columns))):
            raise InputError(
                f"{where}: a mapping must give each word its column, 0 to {len(columns) - 1} once each, "
                f"got {dict(list(words.items())[:3])!r:.80}"
            )
        words = [word for word, _ in columns]
    listed = tuple(words)
    seen: dict[str, int] = {}
    for number, word in enumerate(listed):
        if not isinstance(word, str):
            raise InputError(
                f"{where}: words must be strings, word {number} is a {type(word).__name__}"
            )
        if not phrases and (not word or word.split() != [word]):
            raise InputError(
                f"{where}: a word must be one line without white space, word {number} is {word!r}; "
                "join the parts of a phrase with _"
            )
        _encodable(word, f"{where}: word {number}")
        if word in seen:
            raise InputError(
                f"{where}: the vocabulary must hold each word once, {word!r} is both word "
                f"{seen[word]} and word {number}"
            )
        seen[word] = number
    if size is not None and len(listed) != size:
        raise InputError(
            f"{where}: the vocabulary must name every column of the counts: {size} columns, "
            f"{len(listed)} words; is it of another corpus, or is the matrix (words, documents)?"
        )
    return listed


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


def check_label(label: Any, where: str) -> str | None:
    """Return a label as text; ``None`` for a missing one.

    Args:
        label: a string or a number; missing: see :func:`~topicforge.evaluation.labels.is_missing`.
        where: the document, for messages.

    Raises:
        InputError: something else, several lines, or text that UTF-8 can't hold.
    """
    if isinstance(label, list | tuple | set | dict):
        raise InputError(f"{where}: the label must be a string or a number, got {label!r:.40}")
    if is_missing(label):
        return None
    text = str(label)
    if "\n" in text or "\r" in text:
        raise InputError(f"{where}: a label must be one line, got {text!r:.40}")
    _encodable(text, f"{where}: the label")
    return text


def check_labels(
    labels: Iterable[Any], n_documents: int | None, where: str
) -> tuple[str | None, ...] | None:
    """Return labels as a tuple, one per document; ``None`` if no document has one.

    Args:
        labels: N labels, see :func:`check_label`.
        n_documents: N, or ``None`` where the labels alone decide.
        where: the caller's name or a file, for messages.

    Raises:
        InputError: another number of labels than documents, or see :func:`check_label`.
    """
    if isinstance(labels, str):
        raise InputError(f"{where}: labels must be a sequence, got one string")
    listed = tuple(check_label(label, f"{where}: label {i}") for i, label in enumerate(labels))
    if n_documents is not None and len(listed) != n_documents:
        raise InputError(
            f"{where}: there must be one label per document: {n_documents} documents, {len(listed)} "
            "labels; cut or complete the labels so that line i belongs to document i, an empty line "
            "to one without a label"
        )
    return None if all(label is None for label in listed) else listed


def n_classes(labels: Iterable[str | None]) -> int:
    """Return how many labels differ, missing ones left out."""
    return len(set(labels) - {None})


def _encodable(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{what} must be text that UTF-8 can hold, got {text!r}") from error
