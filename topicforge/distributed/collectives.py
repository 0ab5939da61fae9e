"""Differentiable collectives over the processes that share a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as torch_distributed
from torch.autograd.function import once_differentiable

from topicforge.distributed.share import Share, current, peers_alive
from topicforge.errors import InputError


def total(x: Tensor) -> Tensor:
    """Sum y = sum_r x_r, the same on every process; its gradient at x_r is sum_s dL_s / dy.

    Args:
        x: of one shape on every process.

    Returns:
        The shape of x; x itself where this process works alone.

    Raises:
        TrainingError: another process is gone.
    """
    share = current()
    if share is None or share.world_size == 1:
        return x
    result: Tensor = _Total.apply(x, share)  # type: ignore[no-untyped-call]
    return result


def mean(x: Tensor) -> Tensor:
    """1/B sum_i x_i over the documents of all processes, the same on every process.

    Args:
        x: (own documents, ...).

    Returns:
        The shape of x without its first dimension; ``x.mean(0)`` where this process works alone.

    Raises:
        InputError: x has not a row for each of this process' documents.
        TrainingError: another process is gone.
    """
    return means([x])[0]


def means(tensors: Sequence[Tensor]) -> list[Tensor]:
    """:func:`mean` of several tensors of one type, in one message.

    Args:
        tensors: each (own documents, ...).

    Returns:
        Each the shape without its first dimension.

    Raises:
        InputError: a tensor has not a row for each of this process' documents.
        TrainingError: another process is gone.
    """
    share = current()
    if share is None or share.world_size == 1:
        return [x.mean(0) for x in tensors]
    for x in tensors:
        require_rows("mean", x.shape, share.documents[share.rank], "documents")
    sums = torch.cat([x.sum(0).flatten() for x in tensors])
    widths = [x.shape[1:].numel() for x in tensors]
    parts = torch.split(total(sums) / share.n_documents, widths)
    return [part.view(x.shape[1:]) for part, x in zip(parts, tensors, strict=True)]


def gather(x: Tensor) -> Tensor:
    """Own rows to all rows, y = (x_0; ...; x_{N-1}); its gradient at x_r is sum_s dL_s / dy_r.

    Args:
        x: (own documents, ...).

    Returns:
        (B, ...) in the order of the ranks; x itself where this process works alone.

    Raises:
        InputError: x has not a row for each of this process' documents.
        TrainingError: another process is gone.
    """
    return gather_rows([x])[0]


def gather_rows(tensors: Sequence[Tensor]) -> list[Tensor]:
    """:func:`gather` of several tensors, in one message for each type of number.

    Args:
        tensors: each (own documents, ...).

    Returns:
        Each (B, ...).

    Raises:
        InputError: a tensor has not a row for each of this process' documents.
        TrainingError: another process is gone.
    """
    share = current()
    if share is None or share.world_size == 1:
        return list(tensors)
    own = share.documents[share.rank]
    for x in tensors:
        require_rows("gather", x.shape, own, "documents")
    out: list[Tensor] = list(tensors)
    for dtype in dict.fromkeys(x.dtype for x in tensors):
        places = [i for i, x in enumerate(tensors) if x.dtype == dtype]
        # -1 can't be worked out of a tensor without rows
        widths = [tensors[i].shape[1:].numel() for i in places]
        flat = [tensors[i].reshape(own, width) for i, width in zip(places, widths, strict=True)]
        joined: Tensor = _Gather.apply(torch.cat(flat, 1), share)  # type: ignore[no-untyped-call]
        for i, part in zip(places, torch.split(joined, widths, 1), strict=True):
            out[i] = part.reshape(share.n_documents, *tensors[i].shape[1:])
    return out


@torch.no_grad()
def gather_entries(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Own entries to all entries, in the order of the ranks; without a gradient.

    Args:
        tensors: each (own entries,): words, counts, or what else stands beside them.

    Returns:
        Each (entries of all processes,); the tensors themselves where this process works alone.

    Raises:
        InputError: a tensor has not a number for each of this process' entries.
        TrainingError: another process is gone.
    """
    share = current()
    if share is None or share.world_size == 1:
        return list(tensors)
    for x in tensors:
        require_rows("gather_entries", x.shape, share.entries[share.rank], "entries")
    return [_joined(x[:, None], share, share.entries)[:, 0] for x in tensors]


def anywhere(flag: bool, device: torch.device) -> bool:
    """Return True if the flag is true on any process.

    Args:
        flag: of this process.
        device: where the collective runs: that of the batch.

    Raises:
        TrainingError: another process is gone.
    """
    share = current()
    if share is None or share.world_size == 1:
        return flag
    return bool(total(torch.tensor(int(flag), device=device)))


def require_rows(where: str, shape: Sequence[int], own: int, what: str) -> None:
    """Refuse a tensor that has not a row for each of this process' documents (or entries)."""
    rows = shape[0] if shape else "none"
    if rows != own:
        raise InputError(
            f"distributed.{where}: the first dimension must be this process' {own} {what} of the "
            f"batch, got {rows}; what has no row for each of them must not be split over processes"
        )


def _reduced(x: Tensor, share: Share, what: str) -> Tensor:
    if share.board is not None and share.board.fits(x):
        first, *others = share.board.everyone(x, what)
        y = first.clone()
        for other in others:
            y += other
        return y
    y = x.detach().clone(memory_format=torch.contiguous_format)
    with peers_alive(what):
        torch_distributed.all_reduce(y, group=share.group)
    return y


def _joined(x: Tensor, share: Share, sizes: Sequence[int]) -> Tensor:
    """All processes' rows (or entries), ``sizes`` of each."""
    # all must be of one shape
    padded = x.new_zeros(max(sizes), x.shape[1])
    padded[: len(x)] = x
    if share.board is not None and share.board.fits(padded):
        parts = share.board.everyone(padded, "gather")
    else:
        parts = [torch.empty_like(padded) for _ in sizes]
        with peers_alive("gather"):
            torch_distributed.all_gather(parts, padded, group=share.group)
    return torch.cat([part[:n] for part, n in zip(parts, sizes, strict=True)])


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, share: Share) -> Tensor:
        ctx.share = share
        return _reduced(x, share, "total")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _reduced(gradient, ctx.share, "total, backward"), None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, share: Share) -> Tensor:
        ctx.share = share
        return _joined(x.detach(), share, share.documents)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _reduced(gradient, ctx.share, "gather, backward")[ctx.share.own_documents], None
