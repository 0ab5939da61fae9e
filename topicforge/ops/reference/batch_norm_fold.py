"""Batch norm folded into the weight before it, in plain PyTorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def batch_norm_fold(
    weight: Tensor, mean: Tensor, covariance: Tensor, gain: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(s W, -s y, y, v): y = W m, v_v = w_v^T C w_v, s = gain / sqrt(v + eps)."""
    result: tuple[Tensor, Tensor, Tensor, Tensor] = _Fold.apply(  # type: ignore[no-untyped-call]
        weight, mean, covariance, gain, eps
    )
    return result


class _Fold(torch.autograd.Function):
    """As one function, because autograd's own steps keep ten matrices of the size of W.

    With P = W C and the gradients G of s W and g of -s y:
    ds = sum_k G W - g y, dv = -ds s / (2 (v + eps)), dy = -g s,
    dW = G s + dy m^T + 2 dv P, dm = W^T dy, dC = W^T (dv W), dgain = ds / sqrt(v + eps).
    """

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, mean: Tensor, covariance: Tensor, gain: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        projected = weight @ covariance
        y, var = weight @ mean, torch.linalg.vecdot(projected, weight)
        root = (var + eps).rsqrt()
        scale = gain * root
        ctx.save_for_backward(weight, mean, projected, y, root, scale)
        ctx.mark_non_differentiable(y, var)
        return weight * scale[:, None], -y * scale, y, var

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_shift: Tensor, *_: Tensor) -> tuple[Any, ...]:
        weight, mean, projected, y, root, scale = ctx.saved_tensors
        grad_scale = torch.linalg.vecdot(grad, weight) - grad_shift * y
        grad_var = -0.5 * grad_scale * scale * root.square()
        grad_y = -grad_shift * scale
        grad_weight = grad * scale[:, None]
        grad_weight.addr_(grad_y, mean).addcmul_(projected, grad_var[:, None], value=2)
        return (
            grad_weight,
            grad_y @ weight,
            (weight * grad_var[:, None]).T @ weight,
            grad_scale * root,
            None,
        )
