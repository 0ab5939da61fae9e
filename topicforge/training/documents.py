"""What a model is trained on and applied to: counts, and further features of each document."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topicforge.corpus import Counts, ShardedCounts


@dataclass(frozen=True)
class Documents:
    """N documents.

    Args:
        counts: (N, V).
        features: (N, F) floating point, in memory or memory-mapped, or ``None``.
    """

    counts: Counts
    features: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return self.counts.n_documents

    @property
    def n_features(self) -> int:
        """F, 0 without features."""
        return 0 if self.features is None else int(self.features.shape[1])

    def n_empty(self) -> int:
        """Documents without any word: training can't explain them."""
        return sum(
            int((self.counts.lengths(start, start + _STEP) == 0).sum())
            for start in range(0, len(self), _STEP)
        )

    def checksum(self) -> str:
        """Return a SHA-256 over every count and feature in order, however the counts are stored."""
        counts = self.counts
        parts = [hashlib.sha256() for _ in range(4)]
        for shard in counts.shards if isinstance(counts, ShardedCounts) else (counts,):
            for start in range(0, shard.n_documents, _STEP):
                lengths = shard.lengths(start, start + _STEP)
                parts[0].update(np.ascontiguousarray(lengths, dtype=np.int64).data)
            for start in range(0, shard.n_entries, _STEP):
                rows = slice(start, start + _STEP)
                parts[1].update(np.ascontiguousarray(shard.indices[rows], dtype=np.int32).data)
                parts[2].update(np.ascontiguousarray(shard.counts[rows], dtype=np.float64).data)
            shard.release()
        if self.features is not None:
            step = max(1, _STEP // self.n_features)
            for start in range(0, len(self), step):
                chunk = np.ascontiguousarray(self.features[start : start + step])
                parts[3].update(chunk.view(np.uint8).data)
        sizes = f"{len(self)} {counts.vocab_size} {self.n_features}"
        return hashlib.sha256(
            b"".join([sizes.encode(), *(part.digest() for part in parts)])
        ).hexdigest()


#: lengths or entries looked at in one go
_STEP = 1 << 20
