"""Adam's step on the rows that have a gradient."""

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library, reference
from topicforge.ops._arguments import check_matrix
from topicforge.ops._rows import (
    check_kind,
    check_like,
    check_row_numbers,
    check_rows_rise,
    writes_in_place,
)

_NAME = "lazy_adam_rows"


@torch.no_grad()
def lazy_adam_rows(
    weight: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    row: Tensor,
    grad: Tensor,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    weight_decay: float = 0.0,
    impl: str = "auto",
) -> None:
    """m_r ← β₁ m_r + (1 − β₁) g_r; v_r ← β₂ v_r + (1 − β₂) g_r²; w_r ← w_r − lr m̂_r / (√v̂_r + ε).

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) with t = ``step``. Rows that are not named keep w, m
    and v, so that the cost follows the R rows and not V.

    Args:
        weight: (V, H) w, written in place.
        exp_avg: (V, H) m of the same kind, written in place.
        exp_avg_sq: (V, H) v ≥ 0 of the same kind, written in place.
        row: (R,) int64 row numbers below V, each larger than the one before, as a coalesced
            sparse gradient has them.
        grad: (R, H) g, their gradient, of the same kind.
        lr: step size.
        beta1: decay of m, in [0, 1).
        beta2: decay of v, in [0, 1).
        eps: ε, > 0.
        step: t ≥ 1.
        weight_decay: weight_decay · w_r is added to g_r first.
        impl: "auto", "native" or "reference".

    Raises:
        InputError: kinds, shapes, devices or row numbers don't fit together; nothing is written
            then. The native operator takes contiguous float32 or float64, ``auto`` gives the rest
            to the reference.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: Kingma and Ba 2015, algorithm 1, on the rows r alone; the same rule as
    :class:`torch.optim.SparseAdam` but for ε, which that one adds before v is corrected.
    """
    check_like(_NAME, weight, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq})
    check_row_numbers(_NAME, "row", row, weight.device)
    check_matrix(_NAME, "grad", grad, "(R, H)")
    if grad.shape != (row.shape[0], weight.shape[1]):
        raise InputError(
            f"{_NAME}: grad must have shape (R, H) = {(row.shape[0], weight.shape[1])}, but has "
            f"{tuple(grad.shape)}"
        )
    check_kind(_NAME, "grad", grad, weight)
    fits = writes_in_place(_NAME, impl, weight, exp_avg, exp_avg_sq)
    numbers = (float(lr), beta1, beta2, eps, weight_decay, step)
    if _library.serves(_NAME, impl if fits or impl != "auto" else "reference", weight.device.type):
        try:
            torch.ops.topicforge.lazy_adam_rows(weight, exp_avg, exp_avg_sq, row, grad, *numbers)
        except RuntimeError:
            check_rows_rise(_NAME, row, weight.shape[0])
            raise
        # the library writes to memory that autograd watches through these counters
        torch.autograd.graph.increment_version([weight, exp_avg, exp_avg_sq])
        return
    check_rows_rise(_NAME, row, weight.shape[0])
    reference.lazy_adam_rows(weight, exp_avg, exp_avg_sq, row, grad, *numbers)


def _fake(
    weight: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    row: Tensor,
    grad: Tensor,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
) -> None:
    return None


_library.register(_NAME, _fake, mutates=True)
