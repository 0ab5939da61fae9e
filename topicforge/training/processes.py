"""The processes that train together, as torchrun started them; one alone where nobody did."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as engine
from numpy.typing import NDArray
from torch import Tensor

from topicforge import distributed
from topicforge.contracts import Batch
from topicforge.distributed.board import Board


def shared_seed(seed: int | None, device: torch.device) -> int | None:
    """Return the seed of process 0: one drawn at random must be the same on all of them."""
    if seed is not None or not (engine.is_available() and engine.is_initialized()):
        return seed
    drawn = torch.tensor(secrets.randbits(62), device=device)
    engine.broadcast(drawn, 0)
    return int(drawn)


@dataclass
class Processes:
    """This process among others.

    The model's own collectives and those of the data parallel engine go through one group: every
    process has the same graph, even without documents, so they meet in the same order. (A second
    group does not survive torchrun's restarts: with torch 2.13 the restarted processes find the
    addresses of the dead ones.)

    Args:
        rank: 0 for the one that writes files.
        count: how many there are.

    Attributes:
        board: where small tensors travel and the processes meet, while they are :meth:`together`; ``None``
            where they share no memory.
    """

    rank: int = 0
    count: int = 1
    board: Board | None = None

    @classmethod
    def present(cls) -> Processes:
        """Return those of the default process group, if one was initialised."""
        if not (engine.is_available() and engine.is_initialized()) or engine.get_world_size() == 1:
            return cls()
        return cls(engine.get_rank(), engine.get_world_size())

    @property
    def alone(self) -> bool:
        """True for one process."""
        return self.count == 1

    @contextmanager
    def together(self, device: torch.device) -> Iterator[None]:
        """Have a board within, where the processes share memory and work there; a collective."""
        if not self.alone and device.type == "cpu":
            self.board = Board.of_all()
        try:
            yield
        finally:
            self.board = None

    def own(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process' part of a batch that all of them know; it may be empty."""
        return rows if self.alone else np.array_split(rows, self.count)[self.rank]

    def share(self, batch: Batch) -> distributed.Share | None:
        """Agree on who has how much of the batch; ``None`` where this process works alone."""
        if self.alone:
            return None
        return distributed.agree(batch.n_documents, int(batch.crow[-1]), board=self.board)

    def share_of_nothing(self) -> distributed.Share | None:
        """A share without documents, for what the processes tell each other between batches."""
        if self.alone:
            return None
        return distributed.Share(self.rank, (0,) * self.count, (0,) * self.count)

    def sum(self, x: Tensor) -> Tensor:
        """Sum over processes, the same on each of them."""
        if self.alone:
            return x
        total = x.clone()
        engine.all_reduce(total)
        return total
