"""Not overwriting what is there, and finding out before the work whether it can be written."""

from __future__ import annotations

from pathlib import Path

from topicforge.errors import OptionError
from topicforge.storage import FolderKind, check_target


def check_output(path: Path, kind: FolderKind | None, force: bool) -> None:
    """Refuse to replace anything without ``--force``, and anything foreign even with it.

    Args:
        path: where a folder or file will be written.
        kind: of the folder; ``None`` for a plain file.
        force: replace what is ours.

    Raises:
        OptionError: something is in the way.
        StorageError: nothing can be written there.
    """
    check_target(path, kind)
    there = path.exists() and (kind is None or any(path.iterdir()))
    if there and not force:
        raise OptionError(f"--output: {path} exists; pass --force to replace it, or choose another")
