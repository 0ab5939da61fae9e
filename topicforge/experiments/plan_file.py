"""Reading a plan from TOML; a wrong key or value is an error that names its place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from topicforge.errors import (
    InputError,
    OptionError,
    TopicForgeError,
    UnknownNameError,
    did_you_mean,
)
from topicforge.experiments.corpus_pair import CorpusPair


def read_toml(path: Path, where: str, keys: Iterable[str]) -> dict[str, Any]:
    """Return what a plan file holds.

    Args:
        path: the file.
        where: names it in errors.
        keys: that it may have.

    Raises:
        InputError: unreadable.
        UnknownNameError: another key.
    """
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{where} can't be read as TOML: {error}") from error
    check_keys(read, keys, where)
    return read


def check_keys(read: Iterable[str], keys: Iterable[str], where: str) -> None:
    """Refuse unknown keys.

    Raises:
        UnknownNameError: a key that is not among ``keys``.
    """
    known = list(keys)
    for key in read:
        if key not in known:
            raise UnknownNameError(
                f"{where}: there is no key {key!r}.{did_you_mean(key, known)} Keys: {', '.join(known)}"
            )


def table(read: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """Return a table, empty where it is missing.

    Raises:
        InputError: something else is there.
    """
    found = read.get(key, {})
    if not isinstance(found, dict):
        raise InputError(f"{where}: {key} must be a table [{key}], got {found!r}")
    return found


def names(given: Any, key: str, where: str) -> tuple[str, ...]:
    """Return a list of names, each once.

    Raises:
        InputError: something else.
    """
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise InputError(f"{where}: {key} must be a list of names, got {given!r}")
    return tuple(dict.fromkeys(given))


def whole(given: Any, key: str, least: int, where: str) -> int:
    """Return a whole number.

    Raises:
        OptionError: something else, or less than ``least``.
    """
    if type(given) is not int or given < least:
        raise OptionError(f"{where}: {key} must be a whole number from {least}, got {given!r}")
    return given


def read_corpora(
    read: Mapping[str, Any], where: str, folder: Path, *, vectors: bool = False
) -> dict[str, CorpusPair]:
    """Return name -> documents of the table ``[corpora]``.

    Args:
        read: the plan.
        where: names it in errors.
        folder: at which paths begin.
        vectors: whether a corpus may name a file of word vectors.

    Raises:
        InputError: no corpus, or paths that are none.
        CorpusError: a corpus folder is missing or damaged.
    """
    found: dict[str, CorpusPair] = {}
    for name, given in table(read, "corpora", where).items():
        place = f"{where}: corpora.{name}"
        files = given if isinstance(given, dict) else {"train": given}
        check_keys(files, ("train", "held_out", *(("vectors",) if vectors else ())), place)
        train, *others = (files.get(key) for key in ("train", "held_out", "vectors"))
        if not isinstance(train, str) or not all(isinstance(x, str | None) for x in others):
            raise InputError(
                f'{place} must name corpus folders: "FOLDER", or train = "FOLDER" and held_out = "FOLDER"'
            )
        paths = [None if other is None else folder / other for other in others]
        try:
            found[name] = CorpusPair.find(folder / train, *paths)
        except TopicForgeError as error:
            raise type(error)(f"{place}: {error}") from error
    if not found:
        raise InputError(f'{where}: there must be a corpus; write [corpora] and NAME = "FOLDER"')
    return found
