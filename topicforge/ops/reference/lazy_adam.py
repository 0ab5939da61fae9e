"""Adam on the rows that have a gradient."""

from torch import Tensor


def lazy_adam_rows(
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
    """m_r ← β₁ m_r + (1 − β₁) g_r; v_r ← β₂ v_r + (1 − β₂) g_r²; w_r ← w_r − lr m̂_r / (√v̂_r + ε).

    ``weight`` w, ``exp_avg`` m, ``exp_avg_sq`` v (V, H), written in place; ``row`` r (R,) without
    repeats, ``grad`` g (R, H), to which weight_decay · w_r is added first; m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ) with t = ``step``.
    """
    w = weight.index_select(0, row)
    if weight_decay:
        grad = grad + weight_decay * w
    m = exp_avg.index_select(0, row).lerp_(grad, 1 - beta1)
    v = exp_avg_sq.index_select(0, row).mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    denominator = v.sqrt().div_((1 - beta2**step) ** 0.5).add_(eps)
    exp_avg.index_copy_(0, row, m)
    exp_avg_sq.index_copy_(0, row, v)
    weight.index_copy_(0, row, w.addcdiv_(m, denominator, value=-lr / (1 - beta1**step)))
