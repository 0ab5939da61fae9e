"""The folder of a build that is under way: what survives a kill, and whose work it is."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from topicforge.errors import CorpusError


def scratch_of(target: Path) -> Path:
    """Return the folder beside a corpus in which it is built: ``.NAME-building``."""
    return target.with_name(f".{target.name}-building")


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name only once it is whole and on the disk."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def own_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file that we wrote, exactly: no byte order mark, no carriage return."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    with writing(path) as file:
        file.write(json.dumps(value, indent=1, ensure_ascii=True, sort_keys=True).encode("ascii"))


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object of ours, or ``None`` where none is there or it is not whole."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second build of the same corpus out; the lock goes with the process that holds it.

    Raises:
        CorpusError: another process is at work in this folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CorpusError(
                    f"{folder}: another process is building this corpus now; wait for it, or choose "
                    "another output"
                ) from error
        yield


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
