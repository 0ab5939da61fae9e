"""Gradients averaged through memory that the processes of one machine share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from topicforge.distributed.board import Board
from topicforge.distributed.shared_memory import SharedMemory


class SharedGradients:
    """The average of N processes' gradients, 1/N sum_r g_r, the same bits on all of them.

    gloo sends gradients through the network's layers even between two processes of one machine, which
    takes both processors' time from the training: of two processes of one thread, etm-paper at
    V = 5,000, a fifth of a step of 4,000 documents (benchmarks/scale/processes.py). Here every
    process writes its gradients to memory that all of them see and adds up its part of everybody's; the
    sums are the gradients from then on: some four passes over them.

    Args:
        board: where the processes meet.
        memory: of (N + 1) (numbers + parameters) float32.
        parameters: whose gradients, in the same order on every process; float32 on the CPU.
    """

    def __init__(self, board: Board, memory: SharedMemory, parameters: Sequence[Tensor]) -> None:
        self._board = board
        self._parameters = list(parameters)
        self._starts = torch.tensor([0, *(p.numel() for p in parameters)]).cumsum(0).tolist()
        numbers = memory.bytes.view(torch.float32).view(board.count + 1, -1)
        self._gradients, self._average = numbers[:-1], numbers[-1]

    @classmethod
    def of_all(cls, board: Board | None, parameters: Sequence[Tensor]) -> SharedGradients | None:
        """Those of the default process group; a collective, as long as there is a board.

        Returns:
            ``None`` on every process, where there is no board, where a parameter is not float32 on the
            CPU, and where N + 1 gradients have no room in memory that is shared.
        """
        unfit = any(p.device.type != "cpu" or p.dtype != torch.float32 for p in parameters)
        if board is None or unfit:
            return None
        numbers = sum(p.numel() for p in parameters) + len(parameters)
        memory = SharedMemory.of_all(4 * (board.count + 1) * numbers)
        return None if memory is None else cls(board, memory, parameters)

    @torch.no_grad()
    def average(self, *, writable: bool) -> None:
        """Put the average in place of every gradient, until the next one is made.

        A parameter without a gradient counts as zero where another process has one, and keeps none
        where nobody has.

        Args:
            writable: give each process a copy; else all see the same memory and must leave it as it is.

        Raises:
            TrainingError: another process is gone.
        """
        board, count = self._board, self._board.count
        own, has = self._gradients[board.rank], self._starts[-1]
        for i, (p, start) in enumerate(zip(self._parameters, self._starts, strict=False)):
            out = own[start : start + p.numel()]
            if p.grad is None:
                out.zero_()
            else:
                torch.mul(p.grad.reshape(-1), 1 / count, out=out)
            own[has + i] = float(p.grad is not None)
        # nobody adds up before all have written, and nobody reads or writes anew before all have added up
        board.meet("gradients")
        numbers = len(self._average)
        first, end = (numbers * r // count for r in (board.rank, board.rank + 1))
        mine = self._average[first:end]
        torch.add(self._gradients[0, first:end], self._gradients[1, first:end], out=mine)
        for others in self._gradients[2:]:
            mine += others[first:end]
        board.meet("gradients")
        present = self._average[has:].tolist()
        for p, start, anywhere in zip(self._parameters, self._starts, present, strict=False):
            if anywhere:
                average = self._average[start : start + p.numel()].view(p.shape)
                p.grad = average.clone() if writable else average
