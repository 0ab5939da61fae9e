"""Adam's steps for some rows of a matrix: those without a gradient, several at once, and one with."""

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library
from topicforge.ops._arguments import check_shapes

_NAME = "adam_rows"


@torch.no_grad()
def adam_rows(
    weight: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    since: Tensor,
    row: Tensor,
    grad: Tensor | None,
    rates: Tensor,
    *,
    base: int,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float = 0.0,
    impl: str = "auto",
) -> None:
    """For t = since_r + 1 ... base + T: Adam's step of the rows r that are named, in place.

        g = weight_decay w, plus the row of grad at t = base + T
        m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  w ← w − lr_t m̂ / (√v̂ + ε)

    with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). The memory of a row is read and written once, however many
    steps it is behind. Without weight decay the steps whose g is 0 have a closed form,
    w ← w − m Σ_j a_j / (√v b_j + ε) with a_j = lr_t β₁ʲ / (1 − β₁ᵗ), b_j = √(β₂ʲ / (1 − β₂ᵗ)) at
    t = since_r + j, whose terms are left out once they are below the type's rounding (each is β₁ / √β₂ of
    the one before). The result is that of the steps one by one, to rounding.

    Args:
        weight: (V, H) w.
        exp_avg: (V, H) m.
        exp_avg_sq: (V, H) v ≥ 0.
        since: (V,) int64, the last step that each row has done; in the rows named from ``base`` to
            base + T, and below base + T where there is a gradient.
        row: (R,) int64 row numbers below V, each larger than the one before.
        grad: (R, H) gradient of these rows at the last step, or ``None``.
        rates: (T,) float64 lr_t of the steps base + 1 ... base + T, on the CPU.
        base: the step before the first of ``rates``, ≥ 0.
        beta1: decay of m, in [0, 1).
        beta2: decay of v, in [0, 1).
        eps: ε, > 0.
        weight_decay: coupled weight decay (L2 penalty), ≥ 0.
        impl: "auto", "native" or "reference".

    Raises:
        InputError: kinds, shapes, row numbers or steps don't fit together; nothing is written then.
            Matrices must be contiguous, all float32 or all float64.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: Kingma and Ba 2015, algorithm 1.
    """
    given = weight.new_empty(0, weight.shape[-1]) if grad is None else grad
    has_grad = grad is not None
    check_shapes(
        _NAME, weight=(weight, "VH"), exp_avg=(exp_avg, "VH"), exp_avg_sq=(exp_avg_sq, "VH"),
        since=(since, "V"), row=(row, "R"), grad=(given, "RH" if has_grad else "GH"),
        rates=(rates, "T"),
    )  # fmt: skip
    number = weight.dtype if weight.dtype == torch.float64 else torch.float32
    for name, x, kind in (
        ("weight", weight, number), ("exp_avg", exp_avg, number), ("exp_avg_sq", exp_avg_sq, number),
        ("grad", given, number), ("since", since, torch.int64), ("row", row, torch.int64),
    ):  # fmt: skip
        if x.dtype != kind or x.device != weight.device or not x.is_contiguous():
            raise InputError(
                f"{_NAME}: {name} must be contiguous {kind} on {weight.device}, but is {x.dtype} with "
                f"strides {x.stride()} on {x.device}"
            )
    if rates.dtype != torch.float64 or rates.device.type != "cpu" or base < 0:
        raise InputError(
            f"{_NAME}: rates must be float64 on the CPU, of steps after base ≥ 0, but is {rates.dtype} on "
            f"{rates.device}, after {base}"
        )
    tensors = (weight, exp_avg, exp_avg_sq, since, row, given, rates)
    numbers = (base, beta1, beta2, eps, weight_decay)
    if _library.serves(_NAME, impl, weight.device.type):
        try:
            torch.ops.topicforge.adam_rows(*tensors, *numbers)
        except RuntimeError:
            _check_steps(since, row, base, rates.shape[0], has_grad)
            raise
        # the library writes to memory that autograd watches through these counters
        torch.autograd.graph.increment_version([weight, exp_avg, exp_avg_sq, since])
        return
    _check_steps(since, row, base, rates.shape[0], has_grad)
    _reference(*tensors, *numbers)


def _reference(
    weight: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    since: Tensor,
    row: Tensor,
    grad: Tensor,
    rates: Tensor,
    base: int,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    """The steps one by one."""
    start, last = since[row], base + rates.shape[0]
    w, m, v = weight[row], exp_avg[row], exp_avg_sq[row]
    for t, rate in enumerate(rates.tolist(), base + 1):
        due = start < t
        g = weight_decay * w[due]
        if t == last and grad.shape[0]:
            g = g + grad[due]
        m[due] += (1 - beta1) * (g - m[due])
        v[due] = beta2 * v[due] + (1 - beta2) * g.square()
        deviation = (v[due] / (1 - beta2**t)).sqrt() + eps
        w[due] -= rate / (1 - beta1**t) * m[due] / deviation
    weight[row], exp_avg[row], exp_avg_sq[row] = w, m, v
    since[row] = last


def _check_steps(since: Tensor, row: Tensor, base: int, steps: int, has_grad: bool) -> None:
    if not row.numel():
        return
    first, last = int(row[0]), int(row[-1])
    if not (first >= 0 and last < since.shape[0] and bool((row.diff() > 0).all())):
        raise InputError(
            f"{_NAME}: row must rise within [0, {since.shape[0]}) without repeats, but runs from {first} "
            f"to {last}"
        )
    low, high = (int(x) for x in torch.aminmax(since[row]))
    most = base + steps - has_grad
    if low < base or high > most:
        raise InputError(
            f"{_NAME}: since must be in [{base}, {most}] in the rows named, but runs from {low} to {high}"
        )


_library.register(_NAME, lambda *_: None, mutates=True)
