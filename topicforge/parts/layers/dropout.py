"""Dropout whose masks belong to documents."""

from __future__ import annotations

from torch import Tensor, nn

from topicforge.distributed import batch_dropout


class Dropout(nn.Module):
    """y = x m / (1 - p), m = 1 with probability 1 - p, else 0, in training; else y = x.

    As ``torch.nn.Dropout`` (Srivastava et al. 2014), but where several processes share a batch a
    document's mask does not depend on which process has it.

    Args:
        p: share dropped, in [0, 1].
        entries: x has a row for each entry (document, word, count) of the batch; else for each
            document.
    """

    def __init__(self, p: float, *, entries: bool = False) -> None:
        super().__init__()
        self.p = p
        self.entries = entries

    def forward(self, x: Tensor) -> Tensor:
        """Return y of x, the same shape."""
        return batch_dropout(x, self.p, entries=self.entries) if self.training else x

    def extra_repr(self) -> str:
        """The options, for ``print``."""
        return f"p={self.p}" + (", entries=True" if self.entries else "")
