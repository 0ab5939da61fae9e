"""What every front door does to its arguments: one dtype, one device, the shapes it needs."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from topicforge.errors import InputError

__all__ = [
    "check_columns",
    "check_matrix",
    "fake_grad",
    "harmonise",
    "is_scripting",
    "widen",
]

_HALF = (torch.float16, torch.bfloat16)


def widen(x: Tensor) -> Tensor:
    """float16 and bfloat16 become float32; the cast hands the gradient back in the half type."""
    return x.float() if x.dtype == torch.float16 or x.dtype == torch.bfloat16 else x


def harmonise(where: str, **tensors: Tensor) -> list[Tensor]:
    """All tensors in their common dtype, at least float32, after checking kind and device.

    Raises:
        InputError: one is no floating-point tensor, or they lie on several devices.
    """
    values = list(tensors.values())
    dtype = torch.float32
    device = values[0].device if isinstance(values[0], Tensor) else None
    for name, x in tensors.items():
        if isinstance(x, Tensor) and x.dtype is dtype and x.device == device:
            continue  # as nearly always; what follows costs a small operator's time
        if not isinstance(x, Tensor) or not x.dtype.is_floating_point:
            came = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise InputError(f"{where}: {name} must be a floating-point tensor, but is {came}")
        if x.device != device:
            raise InputError(
                f"{where}: all tensors must be on one device, but {name} is on {x.device} and "
                f"{next(iter(tensors))} on {device}; move one of them"
            )
        if x.dtype not in _HALF:
            dtype = torch.promote_types(dtype, x.dtype)
    return [x if x.dtype == dtype else x.to(dtype) for x in values]


def check_matrix(where: str, name: str, x: Tensor, letters: str) -> None:
    """Raise InputError unless ``x`` has two dimensions, called ``letters`` in the message."""
    if x.dim() != 2:
        raise InputError(f"{where}: {name} must have shape {letters}, but has {tuple(x.shape)}")


def check_columns(where: str, name: str, x: Tensor, other: str, y: Tensor, letter: str) -> None:
    """Raise InputError unless ``x`` and ``y`` have the same second dimension ``letter``."""
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"{where}: {name} and {other} must have the same number {letter} of columns, but "
            f"have {x.shape[1]} and {y.shape[1]}"
        )


def fake_grad(x: Tensor, wanted: bool) -> Tensor:
    """Shape of a gradient of ``x``; an empty tensor stands for one that is not wanted."""
    return x.new_empty(x.shape if wanted else 0)
