"""A corpus in several pieces, each in compressed sparse rows: what does not fit one file or one machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from topicforge.corpus.counts import Counts
from topicforge.errors import InputError


class ShardedCounts(Counts):
    """Shards one after the other as one corpus: document n is row n - first[s] of its shard s.

    Everything that reads by document (:meth:`rows`, :meth:`lengths`, sums) goes shard by shard. Only
    :meth:`to_scipy`, ``indptr``, ``indices`` and ``counts`` lay the whole corpus out in memory.

    Args:
        shards: at least one; of the same vocabulary and the same type of counts.

    Raises:
        InputError: no shard, or shards that differ in vocabulary or type.
    """

    def __init__(self, shards: Sequence[Counts]) -> None:
        if not shards:
            raise InputError("ShardedCounts: at least one shard is needed, got none")
        for number, shard in enumerate(shards):
            found = (shard.vocab_size, shard.counts.dtype)
            wanted = (shards[0].vocab_size, shards[0].counts.dtype)
            if found != wanted:
                raise InputError(
                    f"ShardedCounts: all shards must have {wanted[0]} words and counts of {wanted[1]} as "
                    f"shard 0, but shard {number} has {found[0]} words and {found[1]}"
                )
        # frozen, as its parent is
        object.__setattr__(self, "shards", tuple(shards))
        object.__setattr__(self, "vocab_size", shards[0].vocab_size)
        sizes = [shard.n_documents for shard in shards]
        object.__setattr__(self, "first", np.concatenate([[0], np.cumsum(sizes)]))

    shards: tuple[Counts, ...]
    first: NDArray[np.int64]

    # ---- the whole, laid out in memory --------------------------------------------------

    @property
    def indptr(self) -> NDArray[np.int64]:
        """(N + 1,) in memory."""
        return np.concatenate([[0], np.cumsum(self.lengths())])

    @property
    def indices(self) -> NDArray[np.int32]:
        """(nnz,) in memory."""
        return np.concatenate([shard.indices for shard in self.shards])

    @property
    def counts(self) -> NDArray[np.float32] | NDArray[np.int32]:
        """(nnz,) in memory."""
        return np.concatenate([shard.counts for shard in self.shards])

    def to_scipy(self) -> sp.csr_array:
        """Return an (N, V) CSR in memory."""
        return sp.csr_array((self.counts, self.indices, self.indptr), shape=self.shape)

    # ---- shard by shard -----------------------------------------------------------------

    @property
    def n_documents(self) -> int:
        """N."""
        return int(self.first[-1])

    @property
    def n_entries(self) -> int:
        """Entries above zero, nnz."""
        return sum(shard.n_entries for shard in self.shards)

    def rows(
        self, index: ArrayLike | slice
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Gather documents; see :meth:`Counts.rows`."""
        chosen = self._numbers(index)
        owner = np.searchsorted(self.first, chosen, side="right") - 1
        order = np.argsort(owner, kind="stable")
        parts = []
        for s in np.unique(owner):
            mine = order[
                np.searchsorted(owner[order], s) : np.searchsorted(owner[order], s, "right")
            ]
            parts.append(self.shards[s].rows(chosen[mine] - self.first[s]))
        if not parts:
            return self.shards[0].rows(chosen)
        lengths = np.concatenate([np.diff(crow) for crow, _, _ in parts])
        col = np.concatenate([col for _, col, _ in parts])
        count = np.concatenate([count for _, _, count in parts])
        if (order[1:] > order[:-1]).all():
            return np.concatenate([[0], np.cumsum(lengths)]), col, count
        # back into the order that was asked for
        begin = np.cumsum(lengths) - lengths
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        crow = np.concatenate([[0], np.cumsum(lengths[back])])
        at = np.repeat(begin[back] - crow[:-1], lengths[back]) + np.arange(crow[-1])
        return crow, col[at], count[at]

    def select(self, index: ArrayLike | slice) -> Counts:
        """Return the documents of an index, in its order, in memory."""
        crow, col, count = self.rows(index)
        kept: NDArray[Any] = count.astype(self.shards[0].counts.dtype)
        return Counts(crow, col.astype(np.int32), kept, self.vocab_size)

    def lengths(self, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
        """Entries of the documents ``start`` to ``stop``; see :meth:`Counts.lengths`."""
        stop = self.n_documents if stop is None else min(stop, self.n_documents)
        found = [
            shard.lengths(max(start - first, 0), stop - first)
            for shard, first in zip(self.shards, self.first[:-1].tolist(), strict=True)
            if first < stop and start < first + shard.n_documents
        ]
        return np.concatenate([np.empty(0, dtype=np.int64), *found])

    def word_totals(self) -> NDArray[np.float64]:
        """Sum over documents: (V,) how often each word occurs."""
        total = np.zeros(self.vocab_size)
        for shard in self.shards:
            total += shard.word_totals()
        return total

    def document_frequencies(self) -> NDArray[np.int64]:
        """Return (V,): in how many documents each word occurs."""
        total = np.zeros(self.vocab_size, dtype=np.int64)
        for shard in self.shards:
            total += shard.document_frequencies()
        return total

    def document_totals(self) -> NDArray[np.float64]:
        """Sum over words: (N,) the length of each document."""
        return np.concatenate([shard.document_totals() for shard in self.shards])

    def check(self) -> None:
        """Look at every entry; see :meth:`Counts.check`."""
        for shard in self.shards:
            shard.check()

    def release(self) -> None:
        """Give back the memory of mapped files; see :meth:`Counts.release`."""
        for shard in self.shards:
            shard.release()
