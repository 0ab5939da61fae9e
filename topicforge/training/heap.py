"""The heap of a training process."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# parameters of mallopt, <malloc.h> of glibc, and what glibc has without anybody's asking
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_MMAP_MAX_DEFAULT = 65536
#: where glibc's own adaptation ends: twice the largest block that it ever takes off the heap
_TRIM_DEFAULT = 64 << 20

_lock = threading.Lock()
_inside = 0


@contextmanager
def freed_memory_stays() -> Iterator[None]:
    """Take large blocks from the heap, and give nothing back to the system, until the block is left.

    A gradient of V x H numbers is made and freed in every step. glibc maps so large a block anew each
    time, and the system clears it page by page: at V = 50,000 a fifth to a third of a step. Within,
    blocks of all sizes are kept for the next step. Afterwards what is free goes back to the system.
    Elsewhere than under glibc nothing happens.
    """
    global _inside  # the heap is the process' own, and so is who asked for it
    glibc = _glibc()
    if glibc is None:
        yield
        return
    with _lock:
        _inside += 1
        if _inside == 1:
            glibc.mallopt(_MMAP_MAX, 0)
            glibc.mallopt(_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                glibc.mallopt(_MMAP_MAX, _MMAP_MAX_DEFAULT)
                glibc.mallopt(_TRIM_THRESHOLD, _TRIM_DEFAULT)
                glibc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The process' own C library, where it is glibc."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no such handle
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None
