"""Checks of operators that name rows of a matrix."""

import torch
from torch import Tensor

from topicforge.errors import InputError


def check_row_numbers(name: str, what: str, x: Tensor, device: torch.device) -> None:
    """Whole numbers in a row."""
    if x.dim() != 1 or x.dtype != torch.int64:
        raise InputError(
            f"{name}: {what} must be int64 of shape (R,), but is {x.dtype} of {tuple(x.shape)}"
        )
    if x.device != device:
        raise InputError(f"{name}: {what} must be on {device} beside weight, but is on {x.device}")


def check_rows_rise(
    name: str,
    row: Tensor,
    vocab_size: int,
    *,
    what: str = "row",
    advice: str = "coalesce() a sparse gradient first",
) -> None:
    """Each row once, in order, below V."""
    if not row.shape[0]:
        return
    first, last = int(row[0]), int(row[-1])
    if not (first >= 0 and last < vocab_size and bool((row.diff() > 0).all())):
        raise InputError(
            f"{name}: {what} must rise within [0, {vocab_size}) without repeats, but runs from {first} "
            f"to {last}; {advice}"
        )
