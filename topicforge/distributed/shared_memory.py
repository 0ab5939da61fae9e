"""Memory that the processes of one machine share, as bytes without a name."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from torch import distributed as torch_distributed

#: where files are memory, on Linux
_MEMORY = Path("/dev/shm")
_LONGEST = 256


class SharedMemory:
    """Bytes that all processes see, mapped from a file that is open and has no name any more.

    Args:
        file: descriptor, closed when this object is let go.
        size: in bytes.
    """

    def __init__(self, file: int, size: int) -> None:
        self.file = file
        self.bytes: Tensor = torch.frombuffer(mmap.mmap(file, size), dtype=torch.uint8)

    def __del__(self) -> None:
        os.close(self.file)

    @classmethod
    def of_all(cls, size: int) -> SharedMemory | None:
        """Make memory of so many bytes; a collective over the default process group.

        Returns:
            ``None`` on every process, where they are on several machines, where the system keeps no files
            in memory, and where there is no room.
        """
        size = max(size, 1)
        rank, opened, path = torch_distributed.get_rank(), -1, b""
        if rank == 0:
            opened, path = _created(size)
        told = torch.zeros(_LONGEST, dtype=torch.uint8)
        told[: len(path)] = torch.tensor(list(path), dtype=torch.uint8)
        torch_distributed.broadcast(told, 0)
        name = bytes(told.tolist()).rstrip(b"\0")
        if rank != 0 and name:
            opened = _found(name, size)
        everywhere = torch.tensor(int(opened >= 0))
        torch_distributed.all_reduce(everywhere, torch_distributed.ReduceOp.MIN)
        if path:
            os.unlink(path)
        if int(everywhere):
            return cls(opened, size)
        if opened >= 0:
            os.close(opened)
        return None


def _created(size: int) -> tuple[int, bytes]:
    """An open file of that size in memory and its name; -1 and none where there can't be one."""
    try:
        opened, name = tempfile.mkstemp(prefix="topicforge-", dir=_MEMORY)
    except OSError:
        return -1, b""
    try:
        os.posix_fallocate(opened, 0, size)
    except (OSError, AttributeError):
        os.close(opened)
        os.unlink(name)
        return -1, b""
    return opened, os.fsencode(name)


def _found(name: bytes, size: int) -> int:
    """Open the file that process 0 made; -1 where it is not there, as on another machine."""
    try:
        opened = os.open(name, os.O_RDWR)
    except OSError:
        return -1
    if os.fstat(opened).st_size != size:
        os.close(opened)
        return -1
    return opened
