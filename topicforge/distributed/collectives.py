"""Differentiable collectives over the processes that share a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch import distributed as torch_distributed
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from topicforge.distributed.split import Split, current
from topicforge.errors import InputError, TrainingError


def batch_sum(x: Tensor) -> Tensor:
    """Sum over processes y = sum_r x_r, the same on each; its gradient at x_r is sum_s dL_s / dy.

    Args:
        x: of one shape on every process.

    Returns:
        The shape of x; x itself where this process has the whole batch.

    Raises:
        TrainingError: another process is gone.
    """
    if current() is None:
        return x
    result: Tensor = _Sum.apply(x)  # type: ignore[no-untyped-call]
    return result


def batch_mean(x: Tensor) -> Tensor:
    """1/B sum_i x_i over the documents of all processes, the same on each of them.

    Args:
        x: (own documents, ...).

    Returns:
        The shape of x without its first dimension; ``x.mean(0)`` where this process has the whole batch.

    Raises:
        InputError: x does not have one row per document of this process.
        TrainingError: another process is gone.
    """
    split = current()
    if split is None:
        return x.mean(0)
    require_rows("batch_mean", x.shape, split.documents[split.rank], "documents")
    return batch_sum(x.sum(0)) / split.n_documents


def batch_gather(x: Tensor) -> Tensor:
    """Own rows to the rows of all processes: y = (x_0; ...; x_{N-1}), with gradients.

    The gradient at x_r is sum_s dL_s / dy_r. It is a sum of tensors that are zero but for the own rows,
    which serves any number of rows per process, none included.

    Args:
        x: (own documents, ...), floating point.

    Returns:
        (B, ...) in the order of the ranks; x itself where this process has the whole batch.

    Raises:
        InputError: x does not have one row per document of this process.
        TrainingError: another process is gone.
    """
    split = current()
    if split is None:
        return x
    require_rows("batch_gather", x.shape, split.documents[split.rank], "documents")
    n, own = split.rows()
    return batch_sum(F.pad(x, [0, 0] * (x.ndim - 1) + [own.start, n - own.stop]))


def agree(n_documents: int, n_entries: int) -> Split:
    """Exchange how much of the next batch each process has; a collective.

    Args:
        n_documents: of this process, 0 or more.
        n_entries: of this process, 0 or more.

    Raises:
        TrainingError: another process is gone.
    """
    # NCCL moves what is on a GPU alone
    on_gpu = torch_distributed.get_backend() == "nccl"
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    own = torch.tensor([n_documents, n_entries], device=device)
    table = [torch.empty_like(own) for _ in range(torch_distributed.get_world_size())]
    with peers_alive("agree"):
        torch_distributed.all_gather(table, own)
    documents, entries = torch.stack(table).T.tolist()
    return Split(torch_distributed.get_rank(), tuple(documents), tuple(entries))


@contextmanager
def peers_alive(what: str) -> Iterator[None]:
    """Turn a collective's failure into a TrainingError: nearly always another process is gone."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"distributed.{what}: the processes of one training must all be alive and do the same "
            f"steps, but one did not answer ({str(error).splitlines()[0]}); look for the first error "
            "that another process printed, and start all of them again"
        ) from error


def require_rows(where: str, shape: Sequence[int], own: int, what: str) -> None:
    """Raise InputError unless the first dimension is this process' number of documents (or entries)."""
    rows = shape[0] if shape else "none"
    if rows != own:
        raise InputError(
            f"distributed.{where}: the first dimension must be this process' {own} {what} of the "
            f"batch, got {rows}; what does not have one row for each of them cannot be split over "
            "processes"
        )


class _Sum(torch.autograd.Function):
    """torch's own differentiable all_reduce is deprecated in favour of private functions."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        return _reduced(x, "batch_sum")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        return _reduced(gradient, "batch_sum, backward")


def _reduced(x: Tensor, what: str) -> Tensor:
    y = x.detach().clone(memory_format=torch.contiguous_format)
    with peers_alive(what):
        torch_distributed.all_reduce(y)
    return y
