"""A batch of documents as sparse counts: the form in which components get documents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

#: with more words per entry than this, sorting the entries is cheaper than marking the words
_SPARSE = 40


@dataclass(frozen=True)
class Batch:
    """B documents in compressed sparse rows.

    Document b holds the words ``col[crow[b]:crow[b + 1]]`` with ``count`` beside them.

    Args:
        crow: (B + 1,) int64, starts at 0 and never falls.
        col: (nnz,) int64 word numbers below ``vocab_size``, each at most once per document.
        count: (nnz,) floating point, > 0: occurrences of the word in the document.
        vocab_size: V.
        features: (B, F) float32, further numbers of each document (a sentence embedding, say),
            for encoders that read more than counts; ``None`` for counts alone.
    """

    crow: Tensor
    col: Tensor
    count: Tensor
    vocab_size: int
    features: Tensor | None = None

    @property
    def n_documents(self) -> int:
        """B."""
        return self.crow.numel() - 1

    @cached_property
    def row(self) -> Tensor:
        """(nnz,) int64: the document each entry belongs to."""
        return torch.repeat_interleave(self.crow.diff(), output_size=self.col.numel())

    @property
    def has_most_words(self) -> bool:
        """Whether there are more entries than words, so that most words occur."""
        return self.col.numel() > self.vocab_size

    def words(self) -> tuple[Tensor, Tensor]:
        """(R,) int64 different words, ascending, and (nnz,) int64 where each entry is in them."""
        if self.vocab_size > _SPARSE * self.col.numel():
            words, place = torch.unique(self.col, return_inverse=True)
            return words, place
        there = torch.zeros(self.vocab_size, dtype=torch.bool, device=self.col.device)
        there[self.col] = True
        return there.nonzero().squeeze(1), (there.cumsum(0) - 1)[self.col]

    def lengths(self) -> Tensor:
        """(B,) words per document: its counts summed; 0 for an empty document."""
        zero = self.count.new_zeros(self.n_documents)
        return zero.index_add(0, self.row, self.count)

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Batch:
        """Return the batch on ``device``, its counts as ``dtype`` where given."""
        return Batch(
            self.crow.to(device, non_blocking=True),
            self.col.to(device, non_blocking=True),
            self.count.to(device, dtype, non_blocking=True),
            self.vocab_size,
            None if self.features is None else self.features.to(device, dtype, non_blocking=True),
        )
