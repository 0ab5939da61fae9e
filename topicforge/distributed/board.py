"""A board on which the processes of one machine read what the others wrote, without messages."""

from __future__ import annotations

import os
import platform
import time

import torch
from torch import Tensor
from torch import distributed as torch_distributed

from topicforge.distributed.shared_memory import SharedMemory
from topicforge.errors import TrainingError

#: bytes between two counters: a cache line, so that who waits doesn't slow down who writes
_APART = 64
#: looks at the counters before other programs are let go first, and before this one sleeps
_AT_ONCE, _YIELDING = 100, 400
_NAP = 50e-6
#: seconds between two looks at who is alive, and until nobody waits any longer, as gloo has it
_LOOK, _PATIENCE = 0.5, 1800.0


class Board:
    """Counters and room for small tensors in memory that N processes of one machine share.

    gloo sends even four numbers through the network's layers and wakes a thread at each end: 0.3 to
    0.6 ms between two processes, and now and then some more, several times a step. Here a process
    writes, counts up, and looks at the others' counters until they have come as far: microseconds,
    beside the waiting for the slowest that no way of talking saves.

    All processes must do the same calls in the same order, as with every collective.

    Args:
        memory: of :meth:`room` bytes, zero at first.
        rank: of this process.
        count: N.
    """

    #: bytes that a process may write at once
    slot = 1 << 18

    def __init__(self, memory: SharedMemory, rank: int, count: int) -> None:
        self._memory = memory  # its file holds this process' lock
        self.rank, self.count = rank, count
        counters = memory.bytes[: count * _APART].view(torch.int64).view(count, -1)[:, 0]
        self._arrived = counters.numpy()
        self._slots = memory.bytes[count * _APART :].view(2, count, self.slot)
        self._round = 0
        _lock(memory.file, rank)

    @classmethod
    def of_all(cls) -> Board | None:
        """The board of the default process group; a collective.

        Returns:
            ``None`` on every process, where they share no memory (:meth:`SharedMemory.of_all`), and on
            processors that don't keep the order of two writes, which is all but x86.
        """
        count = torch_distributed.get_world_size()
        able = torch.tensor(int(_orders_writes()))
        torch_distributed.all_reduce(able, torch_distributed.ReduceOp.MIN)
        memory = SharedMemory.of_all(cls.room(count)) if int(able) else None
        if memory is None:
            return None
        board = cls(memory, torch_distributed.get_rank(), count)
        torch_distributed.barrier()  # nobody looks for a lock that is not there yet
        return board

    @classmethod
    def room(cls, count: int) -> int:
        """Bytes of the board of so many processes."""
        return count * (_APART + 2 * cls.slot)

    def fits(self, x: Tensor) -> bool:
        """Whether a tensor can be written: the same answer for tensors of one shape and type."""
        return x.device.type == "cpu" and x.numel() * x.element_size() <= self.slot

    def everyone(self, x: Tensor, what: str) -> list[Tensor]:
        """What each process wrote, in the order of the ranks.

        Args:
            x: of one shape and type on every process, :meth:`fits`.
            what: is being done, for the message.

        Returns:
            N tensors like x on the board. They are others' after the next call: use them at once.

        Raises:
            TrainingError: another process is gone.
        """
        # whoever is a round ahead writes to the other half; nobody can be two ahead
        half = self._slots[self._round % 2, :, : x.numel() * x.element_size()]
        written = half.view(x.dtype) if x.numel() else x.new_empty(self.count, 0)
        written[self.rank] = x.detach().reshape(-1)
        self.meet(what)
        return [row.view(x.shape) for row in written]

    def meet(self, what: str) -> None:
        """Wait until all processes are here. What they wrote before, the others can read after.

        Args:
            what: is being done, for the message.

        Raises:
            TrainingError: another process is gone, or none came for half an hour.
        """
        self._round += 1
        self._arrived[self.rank] = self._round
        looks, began, looked = 0, 0.0, 0.0
        while self._arrived.min() < self._round:
            looks += 1
            if looks == _AT_ONCE:
                began = looked = time.monotonic()
            elif looks > _YIELDING:
                time.sleep(_NAP)
                now = time.monotonic()
                if now - looked > _LOOK:
                    looked = now
                    self._check_alive(what, patient=now - began < _PATIENCE)
            elif looks > _AT_ONCE:
                os.sched_yield()

    def _check_alive(self, what: str, *, patient: bool) -> None:
        late = [r for r in range(self.count) if self._arrived[r] < self._round]
        gone = [r for r in late if not _is_locked(self._memory.file, r)]
        # who came, left a message and ended meanwhile is not missed
        gone = [r for r in gone if self._arrived[r] < self._round]
        if gone or not patient:
            who = ", ".join(map(str, gone or late))
            raise TrainingError(
                f"distributed.{what}: the processes of one training must all be alive and do the same "
                f"steps, but {'process' if len(gone or late) == 1 else 'processes'} {who} "
                f"{'ended' if gone else 'did not come'}; look for the first error that another "
                "process printed, and start all of them again"
            )


def _orders_writes() -> bool:
    """Whether a process that sees a counter sees what was written before it."""
    return platform.machine().lower() in ("x86_64", "amd64")


def _lock(file: int, rank: int) -> None:
    """Hold a byte of the file until this process ends, however it ends; OSError if another one does."""
    import fcntl  # not on Windows, which has no files in memory either

    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)


def _unlock(file: int, rank: int) -> None:
    """Let go of that byte."""
    import fcntl

    fcntl.lockf(file, fcntl.LOCK_UN, 1, rank)


def _is_locked(file: int, rank: int) -> bool:
    """Whether another process holds that byte."""
    try:
        _lock(file, rank)
    except OSError:
        return True
    _unlock(file, rank)
    return False
