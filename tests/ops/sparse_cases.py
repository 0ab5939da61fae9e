"""Batches of sparse counts for the tests of the operators that read them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Case:
    """B documents over V words, K columns; every third document is empty where ``holes``."""

    B: int
    V: int
    K: int
    share: float = 0.3
    holes: bool = True
    largest: int = 4

    def counts(self, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> list[Tensor]:
        """crow (B + 1,), col (nnz,), count (nnz,)."""
        generator = torch.Generator().manual_seed(seed)
        present = torch.rand(self.B, self.V, generator=generator) < self.share
        if self.holes:
            present[::3] = False
        crow = torch.zeros(self.B + 1, dtype=torch.int64)
        crow[1:] = present.sum(1).cumsum(0)
        col = present.nonzero()[:, 1]
        count = torch.randint(1, self.largest + 1, (len(col),), generator=generator)
        return [crow.to(device), col.to(device), count.to(dtype).to(device)]

    def normal(self, *shape: int, dtype: torch.dtype, device: str = "cpu", seed: int = 1) -> Tensor:
        """Standard normal numbers."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).to(device)

    def theta(self, dtype: torch.dtype, device: str = "cpu") -> Tensor:
        """(B, K), rows on the simplex."""
        return torch.softmax(self.normal(self.B, self.K, dtype=dtype, device=device), 1)

    def topic_word(self, dtype: torch.dtype, device: str = "cpu") -> Tensor:
        """(V, K), columns on the simplex."""
        x = 2.0 * self.normal(self.V, self.K, dtype=dtype, device=device, seed=2)
        return torch.softmax(x, 0)


def dense(counts: list[Tensor], V: int) -> Tensor:
    """The same counts as a (B, V) matrix."""
    crow, col, count = counts
    x = count.new_zeros(len(crow) - 1, V)
    for b in range(len(crow) - 1):
        for i in range(int(crow[b]), int(crow[b + 1])):
            x[b, int(col[i])] += count[i]
    return x


def on(function: Any, counts: list[Tensor]) -> Any:
    """``function`` with its counts bound, of its dense arguments alone."""

    def bound(*tensors: Tensor, **options: Any) -> Tensor:
        crow, col, count = counts
        if tensors:
            count = count.to(tensors[-1].dtype)
        result: Tensor = function(crow, col, count, *tensors, **options)
        return result

    return bound


# Empty batch, one document, one word, one topic; sizes on both sides of vectors and tiles.
GRID = [
    Case(0, 5, 3),
    Case(1, 7, 4, holes=False),
    Case(3, 1, 2),
    Case(7, 13, 1),
    Case(4, 9, 3, share=0.0),
    Case(33, 50, 17),
    Case(65, 101, 50),
    Case(20, 300, 130),
    Case(5, 40, 300),
]
