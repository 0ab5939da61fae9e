"""Checks of the operators that write to named rows of a matrix."""

from collections.abc import Mapping

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops._arguments import check_matrix

_NATIVE = (torch.float32, torch.float64)


def check_like(name: str, weight: Tensor, others: Mapping[str, Tensor]) -> None:
    """Hold matrices that are written beside ``weight`` to its shape, kind and device."""
    check_matrix(name, "weight", weight, "(V, H)")
    for what, x in others.items():
        if x.shape != weight.shape:
            raise InputError(
                f"{name}: {what} must have the shape of weight, {tuple(weight.shape)}, but has "
                f"{tuple(x.shape)}"
            )
        check_kind(name, what, x, weight)


def check_kind(name: str, what: str, x: Tensor, weight: Tensor) -> None:
    """Hold a tensor to ``weight``'s kind and device."""
    if x.dtype != weight.dtype:
        raise InputError(f"{name}: {what} must be {weight.dtype} as weight is, but is {x.dtype}")
    if x.device != weight.device:
        raise InputError(
            f"{name}: {what} must be on {weight.device} beside weight, but is on {x.device}"
        )


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


def writes_in_place(name: str, impl: str, *matrices: Tensor) -> bool:
    """Whether the native operator can write to these matrices.

    Raises:
        InputError: it can't, and ``impl`` wants it.
    """
    fits = matrices[0].dtype in _NATIVE and all(x.is_contiguous() for x in matrices)
    if impl == "native" and not fits:
        raise InputError(
            f"{name}: the native operator takes contiguous float32 or float64, but weight, exp_avg "
            f'and exp_avg_sq are {matrices[0].dtype} or strided; use impl="auto"'
        )
    return fits
