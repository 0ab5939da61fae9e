"""The processes that train together, as torchrun started them; one alone where nobody did."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as engine
from numpy.typing import NDArray
from torch import Tensor

from topicforge import distributed
from topicforge.contracts import Batch


def shared_seed(seed: int | None, device: torch.device) -> int | None:
    """Return the seed of process 0: one drawn at random must be the same on all of them."""
    if seed is not None or not (engine.is_available() and engine.is_initialized()):
        return seed
    drawn = torch.tensor(secrets.randbits(62), device=device)
    engine.broadcast(drawn, 0)
    return int(drawn)


@dataclass(frozen=True)
class Processes:
    """This process among others.

    Args:
        rank: 0 for the one that writes files.
        count: how many there are.
        group: of the model's own collectives, apart from the engine's: theirs are sent from hooks of
            the backward pass, and two streams of messages in one group could meet in another order.
    """

    rank: int = 0
    count: int = 1
    group: Any = None

    @classmethod
    def present(cls) -> Processes:
        """Return those of the default process group, if one was initialised."""
        if not (engine.is_available() and engine.is_initialized()) or engine.get_world_size() == 1:
            return cls()
        return cls(engine.get_rank(), engine.get_world_size(), engine.new_group())

    @property
    def alone(self) -> bool:
        """True for one process."""
        return self.count == 1

    def own(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process' part of a batch that all of them know; it may be empty."""
        return rows if self.alone else np.array_split(rows, self.count)[self.rank]

    def share(self, batch: Batch) -> distributed.Share | None:
        """Agree on who has how much of the batch; ``None`` where this process works alone."""
        if self.alone:
            return None
        return distributed.agree(batch.n_documents, int(batch.crow[-1]), self.group)

    def sum(self, x: Tensor) -> Tensor:
        """Sum over processes, the same on each of them."""
        if self.alone:
            return x
        total = x.clone()
        engine.all_reduce(total, group=self.group)
        return total
