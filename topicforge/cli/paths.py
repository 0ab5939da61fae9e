"""Not overwriting what is there, and finding out before the work whether it can be written."""

from __future__ import annotations

import os
from pathlib import Path

from topicforge.errors import InputError, OptionError

CORPUS_MARK, MODEL_MARK = "corpus.json", "model.json"


def check_output(path: Path, mark: str | None, force: bool) -> None:
    """Refuse to replace anything without ``--force``, and anything foreign even with it.

    Nothing is removed: what writes the new folder puts it in the old one's place once it is complete.

    Args:
        path: where a folder or file will be written.
        mark: the file by which a folder of ours is known; ``None`` for a plain file.
        force: replace what is ours.

    Raises:
        OptionError: something is in the way.
        InputError: nothing can be written there.
    """
    parent = path.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            f"--output: {path} can't be written: {parent} is no folder of yours to write"
        )
    if not os.path.lexists(path):
        return
    if path.is_dir() and mark is not None and not any(path.iterdir()):
        return
    ours = path.is_file() if mark is None else (path / mark).is_file()
    if not ours:
        raise OptionError(f"--output: {path} holds something else; choose another place")
    if not force:
        raise OptionError(f"--output: {path} exists; pass --force to replace it, or choose another")
