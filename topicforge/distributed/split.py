"""How the present batch is split over the processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from topicforge.errors import InputError


@dataclass(frozen=True)
class Split:
    """How many rows of a batch each process has, and which are this one's.

    The batch is the processes' documents in the order of their ranks. A process may have none.

    Args:
        rank: of this process, 0 <= rank < N.
        documents: (N,) number of documents of every process.
        entries: (N,) number of entries (document, word, count) of every process.

    Raises:
        InputError: no process, a rank out of range, a negative number, or two lengths.
    """

    rank: int
    documents: tuple[int, ...]
    entries: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.documents) != len(self.entries):
            raise InputError(
                "distributed.Split: documents and entries must have one number per process, got "
                f"{len(self.documents)} and {len(self.entries)}"
            )
        if not 0 <= self.rank < len(self.documents):
            raise InputError(
                f"distributed.Split: rank must be one of the {len(self.documents)} processes', "
                f"counted from 0, got {self.rank}"
            )
        if min(*self.documents, *self.entries) < 0:
            raise InputError(
                "distributed.Split: documents and entries must be 0 or more, got "
                f"{self.documents} and {self.entries}"
            )

    @property
    def n_documents(self) -> int:
        """B, documents of all processes."""
        return sum(self.documents)

    def rows(self, what: str = "documents") -> tuple[int, slice]:
        """Return the number of rows of all processes, and this process' slice of them.

        Args:
            what: ``documents`` or ``entries``.
        """
        counts = self.entries if what == "entries" else self.documents
        start = sum(counts[: self.rank])
        return sum(counts), slice(start, start + counts[self.rank])


_CURRENT: ContextVar[Split | None] = ContextVar("topicforge_split", default=None)


def current() -> Split | None:
    """Return the split in force; ``None`` where this process has the whole batch."""
    return _CURRENT.get()


@contextmanager
def splitting(split: Split | None) -> Iterator[None]:
    """Put a split in force: forward and backward of one batch belong inside.

    It holds for this thread alone, so that another one may use a model meanwhile.

    Args:
        split: of the present batch; ``None`` where every process has all rows, for what all of them
            compute in full from gathered rows.
    """
    token = _CURRENT.set(split)
    try:
        yield
    finally:
        _CURRENT.reset(token)
