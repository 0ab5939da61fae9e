"""What a vocabulary and labels must be, in one place for files and memory alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from topicforge.errors import InputError


def check_vocabulary(words: Iterable[Any], size: int | None, where: str) -> tuple[str, ...]:
    """Return words as a tuple in column order.

    Args:
        words: V words; word i names column i.
        size: V, or ``None`` where the words alone decide.
        where: the caller's name or a file, for messages.

    Raises:
        InputError: not strings; an empty word, one with white space (a topic is written as words
            separated by spaces) or one that UTF-8 can't hold; a word twice; another number of words.
    """
    if isinstance(words, str):
        raise InputError(f"{where}: the vocabulary must be a sequence of words, got one string")
    listed = tuple(words)
    seen: dict[str, int] = {}
    for number, word in enumerate(listed):
        if not isinstance(word, str):
            raise InputError(
                f"{where}: words must be strings, word {number} is a {type(word).__name__}"
            )
        if not word or word.split() != [word]:
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


def check_labels(labels: Iterable[Any], n_documents: int | None, where: str) -> tuple[str, ...]:
    """Return labels as a tuple of strings, one a document.

    Args:
        labels: N labels; numbers become their text.
        n_documents: N, or ``None`` where the labels alone decide.
        where: the caller's name or a file, for messages.

    Raises:
        InputError: another number of labels than documents, or a label that is not one line.
    """
    if isinstance(labels, str):
        raise InputError(f"{where}: labels must be a sequence, got one string")
    listed = tuple(str(label) for label in labels)
    if n_documents is not None and len(listed) != n_documents:
        raise InputError(
            f"{where}: there must be one label a document: {n_documents} documents, {len(listed)} "
            "labels; cut or complete the labels so that line i belongs to document i"
        )
    for number, label in enumerate(listed):
        if "\n" in label or "\r" in label:
            raise InputError(f"{where}: a label must be one line, label {number} is {label!r}")
        _encodable(label, f"{where}: label {number}")
    return listed


def _encodable(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{what} must be text that UTF-8 can hold, got {text!r}") from error
