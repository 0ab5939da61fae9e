"""Adam's steps that rows without a gradient still have to take."""

from torch import Tensor


def adam_catch_up(
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
    """For t = since_r + 1 ... base + T: m ← β₁ m, v ← β₂ v, w ← w − lr_t m̂ / (√v̂ + ε).

    ``weight`` w, ``exp_avg`` m, ``exp_avg_sq`` v (V, H) and ``since`` (V,), written in place in rows
    ``row`` (R,) without repeats; lr_t = ``rates[t - base - 1]``; m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
    """
    start = since.index_select(0, row)
    w, m, v = (x.index_select(0, row) for x in (weight, exp_avg, exp_avg_sq))
    for step, rate in enumerate(rates.tolist(), base + 1):
        behind = start < step
        m[behind] *= beta1
        v[behind] *= beta2
        deviation = (v[behind] / (1 - beta2**step)).sqrt_().add_(eps)
        w[behind] -= rate / (1 - beta1**step) * m[behind] / deviation
    for x, y in ((weight, w), (exp_avg, m), (exp_avg_sq, v)):
        x.index_copy_(0, row, y)
    since.index_fill_(0, row, base + rates.shape[0])
