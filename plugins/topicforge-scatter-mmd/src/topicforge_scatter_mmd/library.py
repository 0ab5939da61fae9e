"""The compiled library: loaded once, and if not, the reason."""

from __future__ import annotations

import re
from pathlib import Path

import torch

OLDEST_TORCH = (2, 10)
FOLDER = Path(__file__).resolve().parent
NOTE_NAME = "native-missing.txt"  # left by setup.py where it built nothing


def load(folder: Path) -> str | None:
    """Load the library in ``folder``; return ``None``, or why it is not there.

    Args:
        folder: where ``_native.*`` lies, with the note of the installation if there is none.
    """
    found = [path for path in sorted(folder.glob("_native.*")) if path.suffix in (".so", ".pyd")]
    if not found:
        note = folder / NOTE_NAME
        told = note.read_text(encoding="utf-8").strip() if note.is_file() else "nothing was built"
        return f"there is no library in {folder}: {told}"
    version = tuple(int(number) for number in re.findall(r"\d+", torch.__version__)[:2])
    if version < OLDEST_TORCH:
        return f"the library needs torch >= 2.10, but torch is {torch.__version__}"
    try:
        torch.ops.load_library(str(found[0]))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:
        return f"{found[0]} does not load: {error}"
    return None


#: why the native operator is not there, or ``None``
WHY: str | None = load(FOLDER)
#: whether the native operator is there
NATIVE: bool = WHY is None
