"""Where the sources and the built libraries are, and the record of their build."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from topicforge.errors import KernelUnavailableError
from topicforge.storage import write_json

_PACKAGE = Path(__file__).resolve().parents[1]
INFO_NAME = "build_info.json"
OLDEST_TORCH = "2.10"
VARIABLE = "TOPICFORGE_LIBRARY_FOLDER"


def library_folder() -> Path:
    """The folder of the libraries: where they are read, and where a build puts them.

    TOPICFORGE_LIBRARY_FOLDER if it is set; else ``topicforge/_native`` if it holds a library or can
    be written; else, for a package in a read-only place, a folder of the user's own cache.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    inside = _PACKAGE / "_native"
    if library_path("cpu", inside).is_file():
        return inside
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    # of this installation: another one may have other operators
    key = hashlib.sha256(str(_PACKAGE).encode()).hexdigest()[:8]
    own = Path(cache) / "topicforge" / f"native-{key}"
    if library_path("cpu", own).is_file():
        return own
    return inside if os.access(inside if inside.is_dir() else _PACKAGE, os.W_OK) else own


def library_path(device: str, folder: Path) -> Path:
    """Where the library for ``device`` ("cpu" or "cuda") is in ``folder``."""
    return folder / f"libtopicforge_{device}.so"


def read_build_info(folder: Path) -> dict[str, Any]:
    """The record written by the build, or an empty one if there is none or it is unreadable."""
    try:
        record = json.loads((folder / INFO_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_build_info(folder: Path, record: dict[str, Any]) -> None:
    """Write the record beside the libraries."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / INFO_NAME, record)


def source_folder() -> Path:
    """Where csrc is: beside the package in a checkout, inside it in an installed wheel."""
    for folder in (_PACKAGE.parent / "csrc", _PACKAGE / "_csrc"):
        if (folder / "ops").is_dir():
            return folder
    raise KernelUnavailableError(
        f"kernels build: no csrc folder beside or inside {_PACKAGE}; install topicforge from its "
        "source distribution or a checkout"
    )


def source_digest(source: Path) -> str:
    """SHA-256 over names and contents of all sources, to tell a stale library from a fresh one."""
    digest = hashlib.sha256()
    for path in sorted(p for p in source.rglob("*") if p.suffix in (".h", ".cpp", ".cu", ".cuh")):
        digest.update(path.relative_to(source).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()
