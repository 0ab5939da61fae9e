"""Which documents of a corpus training sees; never a list of all of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from topicforge.corpus import Counts

#: consecutive documents that are looked at together
BLOCK = 4096


class Selection:
    """The documents with at least one word, without those held out; or only those held out.

    They are found block by block, so that memory does not depend on the number of documents. Which
    are held out follows from the seed and the block alone.

    Args:
        counts: N documents.
        fraction: of each block's documents held out, in [0, 1).
        seed: of the choice.
        held_out: True for those held out, False for the others.
    """

    def __init__(
        self, counts: Counts, fraction: float = 0.0, seed: int = 0, *, held_out: bool = False
    ) -> None:
        self._counts = counts
        self._fraction = fraction
        self._seed = seed % 2**63
        self._held_out = held_out
        self.n_blocks = -(-counts.n_documents // BLOCK)
        self._size = sum(len(self.block(number)) for number in range(self.n_blocks))
        counts.release()

    def __len__(self) -> int:
        """Return how many documents there are."""
        return self._size

    def block(self, number: int) -> NDArray[np.int64]:
        """Return the rising document numbers of a block."""
        start = number * BLOCK
        rows = start + np.flatnonzero(self._counts.lengths(start, start + BLOCK))
        count = round(self._fraction * len(rows))
        if not count:
            return rows[:0] if self._held_out else rows
        order = np.random.default_rng([self._seed, number]).permutation(len(rows))
        return rows[np.sort(order[:count] if self._held_out else order[count:])]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        """Yield the blocks in order."""
        return (self.block(number) for number in range(self.n_blocks))

    def batches(self, size: int) -> Iterator[NDArray[np.int64]]:
        """Yield rising document numbers, at most ``size`` at a time."""
        for rows in self:
            yield from (rows[start : start + size] for start in range(0, len(rows), size))

    def sample(self, limit: int) -> NDArray[np.int64]:
        """Return at most ``limit`` evenly spaced documents."""
        step = max(1, -(-len(self) // limit))
        chosen, seen = [], 0
        for rows in self:
            chosen.append(rows[-seen % step :: step])
            seen += len(rows)
        return np.concatenate([np.empty(0, dtype=np.int64), *chosen])
