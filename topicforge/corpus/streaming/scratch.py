"""The folder of a build that is under way: what survives a kill, and whose work it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from topicforge.storage import read_bytes, write_json


def scratch_of(target: Path) -> Path:
    """Return the folder beside a corpus in which it is built: ``.NAME-building``."""
    return target.with_name(f".{target.name}-building")


def own_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file that we wrote, exactly: no byte order mark, no carriage return."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object of ours, or ``None`` where none is there or it is not whole."""
    try:
        value = json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def settle(folder: Path, name: str, wanted: Mapping[str, Any], parts: tuple[str, ...]) -> bool:
    """Keep what an earlier run left if it was asked the same, else clear it away.

    Args:
        folder: the scratch folder.
        name: of the manifest.
        wanted: source and options of this run; JSON.
        parts: files and folders that depend on it.

    Returns:
        whether anything of an earlier run may be there.
    """
    same: bool = read_json(folder / name) == json.loads(json.dumps(wanted))
    if not same:
        (folder / name).unlink(missing_ok=True)
        for part in parts:
            path = folder / part
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        write_json(folder / name, wanted)
    return same
