"""Which rows of the present batch are this process' own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import distributed as torch_distributed

from topicforge.distributed.board import Board
from topicforge.errors import InputError, TrainingError


@dataclass(frozen=True)
class Share:
    """One process' part of a batch: rows of documents, and entries (document, word, count).

    The batch is the processes' documents in the order of their ranks. A process may have none.

    Args:
        rank: of this process, 0 <= rank < N.
        documents: (N,) number of documents of every process.
        entries: (N,) number of entries of every process: distinct words, summed over its documents.
        group: of processes that share, as ``torch.distributed`` made it; ``None`` for all.
        board: on which small tensors travel, where the processes have one.

    Raises:
        InputError: no process, a rank out of range, a negative number, or two lengths.
    """

    rank: int
    documents: tuple[int, ...]
    entries: tuple[int, ...]
    group: Any = None
    board: Board | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.documents) != len(self.entries):
            raise InputError(
                "distributed.Share: documents and entries must have one number a process, got "
                f"{len(self.documents)} and {len(self.entries)}"
            )
        if not 0 <= self.rank < len(self.documents):
            raise InputError(
                f"distributed.Share: rank must be one of the {len(self.documents)} processes', "
                f"counted from 0, got {self.rank}"
            )
        if min(*self.documents, *self.entries) < 0:
            raise InputError(
                "distributed.Share: documents and entries must be 0 or more, got "
                f"{self.documents} and {self.entries}"
            )

    @property
    def world_size(self) -> int:
        """N, the number of processes."""
        return len(self.documents)

    @property
    def n_documents(self) -> int:
        """B, documents of all processes."""
        return sum(self.documents)

    @property
    def n_entries(self) -> int:
        """Entries of all processes."""
        return sum(self.entries)

    @property
    def own_documents(self) -> slice:
        """Rows of this process in a tensor of B rows."""
        return _own(self.documents, self.rank)

    @property
    def own_entries(self) -> slice:
        """Entries of this process in a tensor of all entries."""
        return _own(self.entries, self.rank)


def _own(counts: tuple[int, ...], rank: int) -> slice:
    start = sum(counts[:rank])
    return slice(start, start + counts[rank])


_CURRENT: ContextVar[Share | None] = ContextVar("topicforge_share", default=None)


def current() -> Share | None:
    """Return the share that is in force, ``None`` where this process works alone."""
    return _CURRENT.get()


@contextmanager
def sharing(share: Share | None) -> Iterator[None]:
    """Put a share in force: forward and backward of one batch belong inside.

    It holds for this thread alone, so that another one may use a model meanwhile.

    Args:
        share: of the present batch; ``None`` for none, see :func:`alone`.
    """
    token = _CURRENT.set(share)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def alone() -> Any:
    """Suspend the share: for what every process computes in full from gathered rows, equally."""
    return sharing(None)


def agree(n_documents: int, n_entries: int, group: Any = None, board: Board | None = None) -> Share:
    """Tell the other processes how much of the batch is here, and hear it from them.

    A collective: every process of the group must call it.

    Args:
        n_documents: of this process, 0 or more.
        n_entries: of this process, 0 or more.
        group: of processes; ``None`` for all.
        board: of the same processes, where they have one.

    Returns:
        This process' share. Without a process group it is the whole batch.

    Raises:
        TrainingError: another process is gone.
    """
    if not (torch_distributed.is_available() and torch_distributed.is_initialized()):
        return Share(0, (n_documents,), (n_entries,))
    # NCCL moves what is on a GPU alone
    on_gpu = torch_distributed.get_backend(group) == "nccl"
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    own = torch.tensor([n_documents, n_entries], device=device)
    if board is not None and board.fits(own):
        table = board.everyone(own, "agree")
    else:
        table = [torch.empty_like(own) for _ in range(torch_distributed.get_world_size(group))]
        with peers_alive("agree"):
            torch_distributed.all_gather(table, own, group=group)
    documents, entries = torch.stack(table).T.tolist()
    rank = torch_distributed.get_rank(group)
    return Share(rank, tuple(documents), tuple(entries), group, board)


@contextmanager
def peers_alive(what: str) -> Iterator[None]:
    """Say in our words that a collective failed: nearly always another process is gone."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"distributed.{what}: the processes of one training must all be alive and do the same "
            f"steps, but one did not answer ({str(error).splitlines()[0]}); look for the first error "
            "that another process printed, and start all of them again"
        ) from error
