"""Adam's steps that rows without a gradient still have to take."""

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library, reference
from topicforge.ops._rows import check_like, check_row_numbers, check_rows_rise, writes_in_place

_NAME = "adam_catch_up"


@torch.no_grad()
def adam_catch_up(
    weight: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    since: Tensor,
    row: Tensor,
    rates: Tensor,
    *,
    base: int,
    beta1: float,
    beta2: float,
    eps: float,
    impl: str = "auto",
) -> None:
    """For t = since_r + 1 ... base + T: m_r ← β₁ m_r, v_r ← β₂ v_r, w_r ← w_r − lr_t m̂_r / (√v̂_r + ε).

    What Adam's steps do to a row whose gradient is 0, several at once: in closed form
    w_r ← w_r − m_r Σ_j a_j / (√v_r b_j + ε), j = 1, 2, ..., with a_j = lr_t β₁ʲ / (1 − β₁ᵗ) and
    b_j = √(β₂ʲ / (1 − β₂ᵗ)) at t = since_r + j, and then m_r and v_r by their powers. A row's memory is
    read and written once, however many steps it is behind, and steps whose share of the sum is below
    the type's rounding are left out (they fall by β₁ / √β₂ each). The result is that of the steps one by
    one, to rounding.

    Args:
        weight: (V, H) w, written in place.
        exp_avg: (V, H) m of the same kind, written in place.
        exp_avg_sq: (V, H) v ≥ 0 of the same kind, written in place.
        since: (V,) int64, the step that a row has done, written in place; in the rows named between
            ``base`` and base + T.
        row: (R,) int64 row numbers below V, each larger than the one before.
        rates: (T,) float64 lr_t of the steps base + 1 ... base + T.
        base: the step before the first of ``rates``, ≥ 0.
        beta1: decay of m, in [0, 1).
        beta2: decay of v, in [0, 1).
        eps: ε, > 0.
        impl: "auto", "native" or "reference".

    Raises:
        InputError: kinds, shapes, devices, row numbers or steps don't fit together; nothing is written
            then. The native operator takes contiguous float32 or float64, ``auto`` gives the rest
            to the reference.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: Kingma and Ba 2015, algorithm 1, with g = 0.
    """
    check_like(_NAME, weight, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq})
    check_row_numbers(_NAME, "since", since, weight.device)
    check_row_numbers(_NAME, "row", row, weight.device)
    if since.shape[0] != weight.shape[0]:
        raise InputError(
            f"{_NAME}: since must have a number for each of the {weight.shape[0]} rows of weight, "
            f"but has {since.shape[0]}"
        )
    if rates.dim() != 1 or rates.dtype != torch.float64 or rates.device.type != "cpu":
        raise InputError(
            f"{_NAME}: rates must be float64 of shape (T,) on the CPU, but is {rates.dtype} of "
            f"{tuple(rates.shape)} on {rates.device}"
        )
    if base < 0:
        raise InputError(f"{_NAME}: base must be a step, at least 0, but is {base}")
    fits = writes_in_place(_NAME, impl, weight, exp_avg, exp_avg_sq) and since.is_contiguous()
    numbers = (base, beta1, beta2, eps)
    tensors = (weight, exp_avg, exp_avg_sq, since, row, rates)
    if _library.serves(_NAME, impl if fits or impl != "auto" else "reference", weight.device.type):
        try:
            torch.ops.topicforge.adam_catch_up(*tensors, *numbers)
        except RuntimeError:
            _check_steps(since, row, rates, base)
            raise
        # the library writes to memory that autograd watches through these counters
        torch.autograd.graph.increment_version([weight, exp_avg, exp_avg_sq, since])
        return
    _check_steps(since, row, rates, base)
    reference.adam_catch_up(*tensors, *numbers)


def is_native(device: str) -> bool:
    """Whether there is a native operator for tensors of a device type."""
    return _library.serves(_NAME, "auto", device)


def _check_steps(since: Tensor, row: Tensor, rates: Tensor, base: int) -> None:
    check_rows_rise(_NAME, row, since.shape[0])
    found = since[row]
    if found.numel() and not (found.min() >= base and found.max() <= base + rates.shape[0]):
        raise InputError(
            f"{_NAME}: since must be in [{base}, {base + rates.shape[0]}] in the rows named, but runs from "
            f"{int(found.min())} to {int(found.max())}"
        )


def _fake(
    weight: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    since: Tensor,
    row: Tensor,
    rates: Tensor,
    base: int,
    beta1: float,
    beta2: float,
    eps: float,
) -> None:
    return None


_library.register(_NAME, _fake, mutates=True)
