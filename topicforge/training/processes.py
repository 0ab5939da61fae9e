"""The processes that train together, as torchrun started them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import distributed as torch_distributed

from topicforge import distributed
from topicforge.contracts import Batch


def shared_seed(seed: int | None, device: torch.device) -> int | None:
    """Return the seed of process 0: one drawn at random must be the same on all of them."""
    if seed is not None or Processes.present().alone:
        return seed
    drawn = torch.tensor(secrets.randbits(62), device=device)
    torch_distributed.broadcast(drawn, 0)
    return int(drawn)


@dataclass(frozen=True)
class Processes:
    """This process among others.

    The model's own collectives and those of data parallel training go through one group: every
    process has the same graph, even without documents, so they meet in the same order. (A second
    group does not survive torchrun's restarts: with torch 2.13 the restarted processes find the
    addresses of the dead ones.)

    Args:
        rank: 0 for the one that writes files.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def present(cls) -> Processes:
        """Return those of the default process group; one process where there is none."""
        if not (torch_distributed.is_available() and torch_distributed.is_initialized()):
            return cls()
        return cls(torch_distributed.get_rank(), torch_distributed.get_world_size())

    @property
    def alone(self) -> bool:
        """True for one process."""
        return self.count == 1

    def own(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process' part of a batch that all of them know; it may be empty."""
        return rows if self.alone else np.array_split(rows, self.count)[self.rank]

    def split(self, batch: Batch) -> distributed.Split | None:
        """Return how the batch is split, given this process' part; ``None`` for one process."""
        if self.alone:
            return None
        return distributed.agree(batch.n_documents, batch.col.numel())

    def sum(self, x: Tensor) -> Tensor:
        """Sum over processes, the same on each of them."""
        if self.alone:
            return x
        total = x.clone()
        with distributed.peers_alive("sum"):
            torch_distributed.all_reduce(total)
        return total

    def mean(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Mean of each scalar over the processes, the same on each: a part's own noise differs there."""
        numbers = self.sum(torch.stack([value.float() for value in values.values()])) / self.count
        return dict(zip(values, numbers.tolist(), strict=True))

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether the flag is set on any process."""
        return flag if self.alone else bool(self.sum(torch.tensor(int(flag), device=device)))
