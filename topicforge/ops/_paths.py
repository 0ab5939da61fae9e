"""Where the sources and the built libraries lie."""

import hashlib
from pathlib import Path

from topicforge.errors import KernelUnavailableError

_PACKAGE = Path(__file__).resolve().parents[1]
FOLDER = _PACKAGE / "_native"
INFO_NAME = "build_info.json"
OLDEST_TORCH = "2.10"


def library_path(device: str, folder: Path = FOLDER) -> Path:
    """Where the library for ``device`` ("cpu" or "cuda") lies in ``folder``."""
    return folder / f"libtopicforge_{device}.so"


def source_folder() -> Path:
    """Where csrc is: beside the package in a checkout, inside it in an installed wheel."""
    for folder in (_PACKAGE.parent / "csrc", _PACKAGE / "_csrc"):
        if (folder / "library.cpp").is_file():
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
