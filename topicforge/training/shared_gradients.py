"""Gradients averaged through memory that the processes of one machine share."""

# no ``from __future__ import annotations``: torch looks at the hook's annotations and takes no strings
import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.distributed as engine
from torch import Tensor
from torch.distributed import GradBucket  # type: ignore[attr-defined]
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

#: where files are memory, on Linux
_MEMORY = Path("/dev/shm")
_LONGEST = 256


def share_gradients(module: DistributedDataParallel) -> bool:
    """Average the gradients of a wrapped module in shared memory; all processes must call it.

    gloo sends them through the network's layers even between two processes of one machine, which
    takes both processors' time from the training: of two processes of one thread, etm-paper at
    V = 5,000, a fifth of a step of 4,000 documents (benchmarks/scale/processes.py). Here every
    process writes its gradients to memory that all of them see, adds up its part of everybody's, and
    reads the other parts back: some six passes over the gradients, and two small messages a step.

    Where the processes are on several machines or on GPUs, where a parameter is not float32, and where
    there is no room for N + 1 gradients in ``/dev/shm``, nothing changes.

    Args:
        module: as DistributedDataParallel made it; it has no communication hook yet.

    Returns:
        Whether gradients go through shared memory from now on.
    """
    ignored = module.parameters_to_ignore
    named = [pair for pair in module.module.named_parameters() if pair[0] not in ignored]
    averaged = [p for _, p in named if p.requires_grad]
    if any(p.device.type != "cpu" or p.dtype != torch.float32 for p in averaged):
        return False
    numbers = sum(p.numel() for p in averaged)
    memory = _shared_memory((engine.get_world_size() + 1) * numbers)
    if memory is None:
        return False
    module.register_comm_hook(_Average(memory.view(-1, numbers)), _hook)
    return True


class _Average:
    """Gradients of a step on their way, in the order in which they become ready.

    That order is the same on every process. The two messages of a step are enough: nobody writes
    gradients anew before everybody has added them up, and nobody adds up anew before everybody has
    read the sums and come with the gradients of the next step.
    """

    def __init__(self, memory: Tensor) -> None:
        self._rank = engine.get_rank()
        self._gradients, self._average = memory[:-1], memory[-1]
        self._arrived: list[tuple[int, Tensor, Future[Tensor]]] = []
        self._numbers = 0

    def take(self, gradient: Tensor, *, last: bool) -> Future[Tensor]:
        """Write one bucket of gradients; with the last one, average all."""
        start, self._numbers = self._numbers, self._numbers + gradient.numel()
        share = 1 / len(self._gradients)
        torch.mul(gradient, share, out=self._gradients[self._rank, start : self._numbers])
        done: Future[Tensor] = Future()
        self._arrived.append((start, gradient, done))
        if last:
            self._finish()
        return done

    def _finish(self) -> None:
        count = len(self._gradients)
        first, end = (self._numbers * r // count for r in (self._rank, self._rank + 1))
        engine.barrier()
        mine = self._average[first:end]
        torch.add(self._gradients[0, first:end], self._gradients[1, first:end], out=mine)
        for others in self._gradients[2:]:
            mine += others[first:end]
        engine.barrier()
        for start, gradient, done in self._arrived:
            gradient.copy_(self._average[start : start + gradient.numel()])
            done.set_result(gradient)
        self._arrived.clear()
        self._numbers = 0


def _hook(state: _Average, bucket: GradBucket) -> Future[Tensor]:
    return state.take(bucket.buffer(), last=bucket.is_last())


def _shared_memory(numbers: int) -> Tensor | None:
    """Float32 memory that all processes see, if there can be any; it has no name any more."""
    size = 4 * max(numbers, 1)
    rank, opened, path = engine.get_rank(), -1, b""
    if rank == 0:
        opened, path = _created(size)
    told = torch.zeros(_LONGEST, dtype=torch.uint8)
    told[: len(path)] = torch.tensor(list(path), dtype=torch.uint8)
    engine.broadcast(told, 0)
    name = bytes(told.tolist()).rstrip(b"\0")
    if rank != 0 and name:
        opened = _found(name, size)
    everywhere = torch.tensor(int(opened >= 0))
    engine.all_reduce(everywhere, engine.ReduceOp.MIN)
    if path:
        os.unlink(path)
    try:
        if not int(everywhere):
            return None
        buffer: Any = mmap.mmap(opened, size)
        return torch.frombuffer(buffer, dtype=torch.float32)
    finally:
        if opened >= 0:
            os.close(opened)


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
