"""Checks of compressed sparse rows, shared by the operators that read counts."""

import torch
from torch import Tensor

from topicforge.errors import InputError


def check_csr(
    where: str, crow: Tensor, col: Tensor, value: Tensor, value_name: str
) -> tuple[Tensor, Tensor]:
    """``crow`` and ``col`` as int64, after checking kinds, shapes and devices; reads no element.

    Args:
        where: the caller, for messages.
        crow: (B + 1,) int64 or int32, where each row starts and ends.
        col: (nnz,) int64 or int32, word numbers.
        value: (nnz,) floating point.
        value_name: what ``value`` is called in messages.

    Raises:
        InputError: a kind, shape or device is wrong.
    """
    for name, x in (("crow", crow), ("col", col)):
        if not isinstance(x, Tensor) or (x.dtype != torch.int64 and x.dtype != torch.int32):
            came = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise InputError(f"{where}: {name} must be an int64 or int32 tensor, but is {came}")
    if not isinstance(value, Tensor) or not value.dtype.is_floating_point:
        came = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise InputError(f"{where}: {value_name} must be a floating-point tensor, but is {came}")
    for name, x in (("crow", crow), ("col", col), (value_name, value)):
        if x.dim() != 1:
            raise InputError(
                f"{where}: {name} must have one dimension, but has shape {tuple(x.shape)}"
            )
        if x.device != crow.device:
            raise InputError(
                f"{where}: crow, col and {value_name} must be on one device, but {name} is on "
                f"{x.device} and crow on {crow.device}; move one of them"
            )
    if crow.shape[0] == 0:
        raise InputError(
            f"{where}: crow must have one entry more than there are documents, but is empty"
        )
    if col.shape[0] != value.shape[0]:
        raise InputError(
            f"{where}: col and {value_name} must be equally long, but have {col.shape[0]} and "
            f"{value.shape[0]} entries"
        )
    return crow.to(torch.int64), col.to(torch.int64)


def check_csr_elements(where: str, crow: Tensor, col: Tensor, vocab_size: int) -> None:
    """Raise InputError unless the rows are well formed and every word number is below V.

    Reads every element, so it waits for a GPU: the native operators call it only to say what
    was wrong, after their own check failed.
    """
    nnz = col.shape[0]
    first, last = int(crow[0]), int(crow[-1])
    if first != 0 or last != nnz:
        raise InputError(
            f"{where}: crow must run from 0 to the number of entries {nnz}, but runs from {first} "
            f"to {last}"
        )
    falls = torch.nonzero(crow.diff() < 0)
    if falls.numel():
        b = int(falls[0])
        raise InputError(
            f"{where}: crow must never fall, but goes from {int(crow[b])} to {int(crow[b + 1])} "
            f"at document {b}"
        )
    if nnz:
        low, high = (int(x) for x in torch.aminmax(col))
        if low < 0 or high >= vocab_size:
            raise InputError(
                f"{where}: col must hold word numbers in [0, {vocab_size}), but holds "
                f"{low if low < 0 else high}; the vocabulary and the counts don't belong together"
            )


def check_no_gradient(where: str, name: str, x: Tensor, instead: str) -> None:
    """Raise InputError if ``x`` asks for a gradient that ``where`` does not give."""
    if x.requires_grad and torch.is_grad_enabled():
        raise InputError(f"{where}: {name} gets no gradient, but requires one; {instead}")


def check_rows(where: str, crow: Tensor, theta: Tensor) -> None:
    """Raise InputError unless ``theta`` (B, K) has one row a document and lies beside ``crow``."""
    check_device(where, crow, "theta", theta)
    if theta.shape[0] != crow.shape[0] - 1:
        raise InputError(
            f"{where}: theta must have a row a document, but has {theta.shape[0]} rows where crow "
            f"counts {crow.shape[0] - 1} documents"
        )


def check_device(where: str, crow: Tensor, name: str, x: Tensor) -> None:
    """Raise InputError unless ``x`` lies on the device of ``crow``."""
    if x.device != crow.device:
        raise InputError(
            f"{where}: counts and {name} must be on one device, but are on {crow.device} and "
            f"{x.device}; move one of them"
        )
