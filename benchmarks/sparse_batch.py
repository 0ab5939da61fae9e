"""A batch of documents for the benchmarks of the sparse operators."""

from collections.abc import Callable

import torch
from baselines import generator
from torch import Tensor


def batch(B: int, V: int, distinct: int = 65, seed: int = 0) -> list[Tensor]:
    """crow, col and count of B documents with ``distinct`` different words each, drawn evenly.

    Evenly is the hard case: the frequent words of a text stay in the cache by themselves.
    """
    source = generator(seed)
    words = torch.rand(B, V, generator=source).topk(distinct, dim=1).indices.sort(1).values
    crow = torch.arange(0, B * distinct + 1, distinct)
    count = torch.randint(1, 5, (B * distinct,), generator=source).float()
    return [crow, words.flatten(), count]


def dense(counts: list[Tensor], V: int) -> Tensor:
    """The same batch as a (B, V) matrix."""
    crow, col, count = counts
    row = torch.arange(len(crow) - 1).repeat_interleave(crow.diff())
    return torch.zeros(len(crow) - 1, V).index_put((row, col), count)


def on(counts: list[Tensor], function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function with its counts bound, of its dense arguments alone."""
    return lambda *tensors: function(*counts, *tensors)
