"""Checks of the operators' arguments: one dtype, one device, shapes that fit together."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.jit import is_scripting, is_tracing  # type: ignore[attr-defined]

from topicforge.errors import InputError

__all__ = [
    "check_counts",
    "check_no_gradient",
    "check_shapes",
    "check_words",
    "gradients_like",
    "harmonise",
    "is_scripting",
    "widen",
]


def widen(x: Tensor) -> Tensor:
    """float16 and bfloat16 become float32; the cast hands the gradient back in the half type."""
    return x.float() if x.dtype == torch.float16 or x.dtype == torch.bfloat16 else x


def harmonise(where: str, beside: Tensor | None = None, /, **tensors: Tensor) -> list[Tensor]:
    """All tensors in their common dtype, at least float32, after checking kind and device.

    Args:
        where: the operator, for messages.
        beside: a tensor on whose device they must be, if not on the first one's.
        tensors: by name.

    Raises:
        InputError: one is no floating-point tensor, or they are on several devices.
    """
    values = list(tensors.values())
    dtype = torch.float32
    first = values[0] if beside is None else beside
    device = first.device if isinstance(first, Tensor) else None
    for name, x in tensors.items():
        if isinstance(x, Tensor) and x.dtype is dtype and x.device == device:
            continue  # as nearly always; what follows costs a small operator's time
        if not isinstance(x, Tensor) or not x.dtype.is_floating_point:
            raise InputError(f"{where}: {name} must be a floating-point tensor, but is {_kind(x)}")
        if x.device != device:
            raise InputError(
                f"{where}: all tensors must be on one device, but {name} is on {x.device} and "
                f"others are on {device}; move one of them"
            )
        if x.dtype not in (torch.float16, torch.bfloat16):
            dtype = torch.promote_types(dtype, x.dtype)
    return [x if x.dtype == dtype else x.to(dtype) for x in values]


def check_shapes(
    where: str, known: dict[str, int] | None = None, /, **shapes: tuple[Tensor, str]
) -> None:
    """Hold tensors to shapes in letters, "BK" for (B, K): equal letters are equal sizes, "1" is 1.

    Args:
        where: the operator, for messages.
        known: sizes that are known already.
        shapes: by name, tensors and their letters.

    Raises:
        InputError: a tensor has another number of dimensions, or a size differs from what is known
            or from that of a tensor before it.
    """
    sizes = {"1": 1} if known is None else known
    for name, (x, letters) in shapes.items():
        if x.dim() != len(letters):
            raise InputError(
                f"{where}: {name} must have shape {_spelt(letters)}, but has {tuple(x.shape)}"
            )
        for letter, size in zip(letters, x.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise InputError(
                    f"{where}: {name} must have shape {_spelt(letters)} with {letter} = "
                    f"{sizes[letter]}, but has {tuple(x.shape)}"
                )


def _spelt(letters: str) -> str:
    return f"({', '.join(letters)})" if len(letters) > 1 else f"({letters},)"


def check_counts(
    where: str, crow: Tensor, col: Tensor, value: Tensor, value_name: str
) -> tuple[Tensor, Tensor]:
    """``crow`` and ``col`` of compressed sparse rows as int64; reads no element.

    Args:
        where: the operator, for messages.
        crow: (B + 1,) int64 or int32, where each row starts and ends.
        col: (nnz,) int64 or int32, word numbers.
        value: (nnz,) floating point.
        value_name: what ``value`` is called in messages.

    Raises:
        InputError: a kind, shape or device is wrong.
    """
    for name, x in (("crow", crow), ("col", col)):
        if not isinstance(x, Tensor) or (x.dtype != torch.int64 and x.dtype != torch.int32):
            raise InputError(f"{where}: {name} must be an int64 or int32 tensor, but is {_kind(x)}")
    if not isinstance(value, Tensor) or not value.dtype.is_floating_point:
        raise InputError(
            f"{where}: {value_name} must be a floating-point tensor, but is {_kind(value)}"
        )
    if col.device != crow.device or value.device != crow.device:
        raise InputError(
            f"{where}: crow, col and {value_name} must be on one device, but are on {crow.device}, "
            f"{col.device} and {value.device}; move them to one"
        )
    if crow.dim() != 1 or crow.shape[0] == 0:
        raise InputError(
            f"{where}: crow must have shape (B + 1,), one entry more than there are documents, but "
            f"has {tuple(crow.shape)}"
        )
    if col.dim() != 1 or col.shape != value.shape:
        raise InputError(
            f"{where}: col and {value_name} must both have shape (nnz,), but have "
            f"{tuple(col.shape)} and {tuple(value.shape)}"
        )
    return crow.to(torch.int64), col.to(torch.int64)


def check_words(where: str, crow: Tensor, col: Tensor, vocab_size: int) -> None:
    """Raise InputError unless the rows are well formed and every word number is below V.

    Reads every element and so waits for a GPU: the native operators call it only to say what
    was wrong, after their own check failed. A graph has no elements while it is recorded.
    """
    if torch.compiler.is_compiling() or is_tracing():  # type: ignore[no-untyped-call]
        return
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


def check_no_gradient(where: str, name: str, x: Tensor) -> None:
    """Raise InputError if ``x`` requires a gradient that ``where`` does not give."""
    if x.requires_grad and torch.is_grad_enabled():
        raise InputError(f"{where}: {name} gets no gradient, but requires one; detach it")


def gradients_like(tensors: Iterable[Tensor], wants: Iterable[bool]) -> tuple[Tensor, ...]:
    """Shapes of gradients; a tensor without elements stands for one that is not wanted."""
    return tuple(
        x.new_empty(x.shape if want else 0) for x, want in zip(tensors, wants, strict=True)
    )


def _kind(x: Any) -> Any:
    return x.dtype if isinstance(x, Tensor) else type(x).__name__
