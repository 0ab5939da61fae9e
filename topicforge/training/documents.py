"""What a model is trained on and asked about: counts, and what else is known of each document."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topicforge.corpus import Counts


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
        """What tells these documents from others: sizes, lengths in order, how often each word comes."""
        counts = self.counts
        digest = hashlib.sha256(f"{len(self)} {counts.vocab_size} {self.n_features}".encode())
        for start in range(0, len(self), _STEP):
            lengths = counts.lengths(start, start + _STEP)
            digest.update(np.ascontiguousarray(lengths, dtype=np.int64).data)
        digest.update(np.ascontiguousarray(counts.word_totals(), dtype=np.float64).data)
        return digest.hexdigest()


#: lengths looked at in one go
_STEP = 1 << 20
