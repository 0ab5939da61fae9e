"""Dropout whose masks do not depend on the number of processes."""

from __future__ import annotations

from torch import Tensor, nn

from topicforge import distributed


class Dropout(nn.Module):
    """y = x m / (1 - p), m = 1 with probability 1 - p, else 0, in training; else y = x.

    As ``torch.nn.Dropout`` (Srivastava et al. 2014), but where several processes share a batch, each
    document has the mask that it has in a single process.

    Args:
        p: share of x that is dropped, in [0, 1].
        entries: x has a row for each entry (document, word, count) of the batch; else for each
            document.
    """

    def __init__(self, p: float, *, entries: bool = False) -> None:
        super().__init__()
        self.p = p
        self.entries = entries

    def forward(self, x: Tensor) -> Tensor:
        """Return y of x, the same shape."""
        return distributed.dropout(x, self.p, entries=self.entries) if self.training else x

    def extra_repr(self) -> str:
        """The options, for ``print``."""
        return f"p={self.p}" + (", entries=True" if self.entries else "")
