"""One source in several files: a list, a pattern, or a folder of shard files."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from topicforge.corpus.lines import unreadable
from topicforge.errors import CorpusError

PathLike = str | os.PathLike[str]


def files_of(
    source: PathLike | Sequence[PathLike], tables: Sequence[str], as_files: bool
) -> list[Path]:
    """Return the files of a source in the order in which they are read.

    Args:
        source: a path; several, read in this order; a pattern as ``part-*.jsonl.gz``, whose files are
            read in the order of their names, where there is no such file itself.
        tables: endings; a folder of nothing but files of one of them is taken for a table in parts.
        as_files: a folder's files are parts in any case; else each of its files is a document, and the
            folder itself is returned.

    Raises:
        CorpusError: nothing of that name, no file in a folder, a subfolder among parts.
    """
    if not isinstance(source, str | os.PathLike):
        found = [path for one in source for path in files_of(one, tables, as_files)]
        if not found:
            raise CorpusError("the source must be a path or several, got an empty list")
        return found
    path = Path(source)
    if path.is_dir():
        return _parts(path, tables, as_files)
    if not path.exists() and glob.has_magic(os.fspath(source)):
        found = [Path(name) for name in sorted(glob.glob(os.fspath(source), recursive=True))]
        if not found:
            raise CorpusError(f"{source}: no file fits this pattern")
        return found
    return [path]


def _parts(folder: Path, tables: Sequence[str], as_files: bool) -> list[Path]:
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error
    if not as_files:
        one = {_ending(path) if path.is_file() else "" for path in inside}
        return inside if len(one) == 1 and one <= set(tables) else [folder]
    for path in inside:
        if not path.is_file():
            raise CorpusError(
                f"{folder}: a folder of parts must hold files only, {path.name!r} is none"
            )
    if not inside:
        raise CorpusError(f"{folder}: a folder of parts must hold at least one file, got none")
    return inside


def _ending(path: Path) -> str:
    name = path.name.lower()
    return Path(name.removesuffix(".gz").removesuffix(".zst")).suffix
