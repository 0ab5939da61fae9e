"""The operator's front door: checks, the choice of implementation, shapes and gradient."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from topicforge.plugin import InputError, OptionError
from torch import Tensor

from topicforge_scatter_mmd import reference
from topicforge_scatter_mmd.library import NATIVE, WHY

NAME = "topicforge_scatter_mmd::imq_mmd"
IMPLS = ("auto", "native", "reference")


def imq_mmd(
    x: Tensor, y: Tensor, c: Sequence[float], unbiased: bool = True, impl: str = "auto"
) -> Tensor:
    """MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k = sum_s c_s / (c_s + |x - y|^2).

    The native operator runs over the pairs of the pooled sample in tiles, each pair once, and
    scatters its pull, 2 k'(d) (x - x'), to its two rows: value and gradients in one pass, memory
    O((n + m) L), the same bits with any number of threads. It is for the CPU and has first
    derivatives only.

    Args:
        x: (n, L) rows of one sample, floating point; half types are computed in float32.
        y: (m, L) rows of the other, of the same dtype and device.
        c: (S,) widths, finite and > 0, in the unit of a squared distance.
        unbiased: leave the diagonals out of the two means within a sample (U-statistic, may be
            negative); a sample of one row has no pair then, and its mean counts as 0.
        impl: ``native``, ``reference``, or ``auto``: native where it can serve.

    Returns:
        Scalar, at least float32.

    Raises:
        InputError: shapes, dtypes or devices do not fit, a sample is empty, or ``native`` was
            asked for tensors that are not on the CPU.
        OptionError: a width is not > 0, ``impl`` is unknown, or ``native`` was asked for and is
            not there; the reason is in the message.

    Source: Gretton et al. 2012, eqs. 3 and 5; Tolstikhin et al. 2018 (arXiv:1711.01558), section 4.
    """
    x, y = _checked(x, y)
    widths = _widths(c, x)
    if not serves(impl, x.device):
        with _no_autocast(x.device.type):
            return reference.imq_mmd(x, y, widths, unbiased)
    trains = torch.is_grad_enabled()
    value: Tensor = torch.ops.topicforge_scatter_mmd.imq_mmd(
        x, y, widths, unbiased, trains and x.requires_grad, trains and y.requires_grad
    )[0]
    return value


def serves(impl: str, device: torch.device) -> bool:
    """Whether the native operator runs for tensors on ``device``.

    Args:
        impl: ``auto``, ``native`` or ``reference``.
        device: where the tensors are.

    Raises:
        InputError: ``native`` was asked for another device than the CPU.
        OptionError: ``impl`` is unknown, or ``native`` was asked for and is not there.
    """
    if impl not in IMPLS:
        raise OptionError(f"imq_mmd: impl must be one of {', '.join(IMPLS)}, got {impl!r}")
    if impl == "native" and not NATIVE:
        raise OptionError(
            f"imq_mmd: impl='native' was asked for, but {WHY}; install the package again where "
            "torch and a C++ compiler are, or use impl='reference'"
        )
    if impl == "native" and device.type != "cpu":
        raise InputError(
            f"imq_mmd: the native operator is for the CPU, but the tensors are on {device}; move "
            "them, or use impl='auto', which runs the reference there"
        )
    return impl != "reference" and NATIVE and device.type == "cpu"


def _no_autocast(device: str) -> AbstractContextManager[Any]:
    available = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if available else nullcontext()


def _checked(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.dim() != 2 or y.dim() != 2 or x.shape[1] != y.shape[1]:
        raise InputError(
            "imq_mmd: x and y must be (n, L) and (m, L) with one L, got "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
    if x.shape[0] == 0 or y.shape[0] == 0:
        raise InputError(
            "imq_mmd: each sample must have rows, got "
            f"{x.shape[0]} and {y.shape[0]}; leave an empty batch out"
        )
    if x.dtype != y.dtype or x.device != y.device or not x.dtype.is_floating_point:
        raise InputError(
            "imq_mmd: x and y must be of one floating-point dtype on one device, got "
            f"{x.dtype} on {x.device} and {y.dtype} on {y.device}; convert one of them"
        )
    if x.dtype in (torch.float16, torch.bfloat16):
        return x.float(), y.float()
    return x, y


def _widths(c: Sequence[float], like: Tensor) -> Tensor:
    numbers = [float(width) for width in c]
    # below the smallest normal number a width would round to 0, and 0 / 0 is not a kernel
    limits = torch.finfo(like.dtype)
    if not numbers or not all(limits.tiny <= width <= limits.max for width in numbers):
        raise OptionError(
            f"imq_mmd: c must be one or more numbers > 0 that {like.dtype} can hold, got {numbers}"
        )
    return torch.tensor(numbers, dtype=like.dtype, device=like.device)


def _fake(
    x: Tensor, y: Tensor, c: Tensor, unbiased: bool, want_x: bool, want_y: bool
) -> tuple[Tensor, Tensor, Tensor]:
    del c, unbiased
    pull_x = x.new_empty((x.shape[0] if want_x else 0, x.shape[1]))
    pull_y = y.new_empty((y.shape[0] if want_y else 0, y.shape[1]))
    return x.new_empty(()), pull_x, pull_y


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *_, ctx.want_x, ctx.want_y = inputs
    # a gradient that nobody asked for stays None: so a second derivative, which would come in by
    # the pulls, can be told from none
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*output[1:])


def _backward(ctx: Any, grad: Tensor | None, *seconds: Tensor | None) -> tuple[Tensor | None, ...]:
    if any(second is not None for second in seconds):
        raise InputError(
            "imq_mmd: the native operator has first derivatives only, but a second one was asked "
            "for; use impl='reference' to differentiate twice"
        )
    pull_x, pull_y = ctx.saved_tensors
    to_x = grad * pull_x if grad is not None and ctx.want_x and ctx.needs_input_grad[0] else None
    to_y = grad * pull_y if grad is not None and ctx.want_y and ctx.needs_input_grad[1] else None
    return to_x, to_y, None, None, None, None


if NATIVE:
    torch.library.register_fake(NAME, _fake)
    torch.library.register_autograd(NAME, _backward, setup_context=_setup_context)
