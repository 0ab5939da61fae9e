"""Batch normalisation with the variants that topic models need."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from topicforge.contracts.options import require
from topicforge.distributed import batch_mean, batch_sum, current

_EPS = 1e-3  # as the ProdLDA authors
_MOMENTUM = 0.1  # weight of the newest batch in the running statistics


#: what is learned, by the value of a component's option ``batch_norm``
VARIANTS = {
    "plain": {"bias": False, "scale": False},
    "bias": {"bias": True, "scale": False},
    "affine": {"bias": True, "scale": True},
}


def variant(where: str, value: object) -> str | None:
    """Return the variant that an option ``batch_norm`` names: True is ``bias``, False is ``None``.

    Args:
        where: the component, for the error.
        value: False, True, or one of :data:`VARIANTS`.

    Raises:
        OptionError: anything else.
    """
    if isinstance(value, bool):
        return "bias" if value else None
    must = f"False, True or one of: {', '.join(VARIANTS)}"
    require(isinstance(value, str) and value in VARIANTS, where, "batch_norm", must, value)
    return str(value)


class BatchNorm(nn.Module):
    """y = scale (x - mean) / sqrt(var + 1e-3) + bias, over the batch (Ioffe and Szegedy 2015).

    ProdLDA keeps the bias and fixes the scale at 1; losing the bias costs it coherence. A batch of
    one row has no variance, so it is normalised by the running statistics instead, in training too.

    Args:
        width: number of columns.
        bias: learn the bias; False leaves it out.
        scale: learn the scale, from 1; False fixes it there.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int, *, bias: bool = True, scale: bool = False) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.scale = nn.Parameter(torch.ones(width)) if scale else None
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (B, width).

        Where several processes share a batch the statistics are those of all its documents; the
        squares are summed after the mean is known, so that nothing cancels.
        """
        split = current()
        if split is not None and self._learns_from(x):
            wide = x.to(self.running_mean.dtype)  # half precision is no place for sums
            mean_x = batch_mean(wide)
            centred = wide - mean_x
            var = batch_mean(centred.square())
            self._remember(mean_x, var, split.n_documents)
            y = centred * self._scaled((var + _EPS).rsqrt())
            return (y if self.bias is None else y + self.bias).to(x.dtype)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            weight=self.scale,
            bias=self.bias,
            training=self._learns_from(x),
            momentum=_MOMENTUM,
            eps=_EPS,
        )

    def fold(self, x: Tensor | None, weight: Tensor) -> tuple[Tensor, Tensor]:
        """W' and b' with x W'^T + b' = forward(x W^T), without making the (B, width) matrix.

        Over a batch, column v of x W^T has mean w_v . m and variance w_v^T C w_v, with m (K,) and
        C (K, K) the mean and covariance of x.

        Args:
            x: (B, K) the batch whose statistics count in training; ``None`` takes the running ones.
            weight: (width, K) W.

        Returns:
            W' (width, K) and b' (width,).
        """
        if x is not None and self._learns_from(x):
            n = _documents(x)
            mean_x = batch_mean(x)
            centred = x - mean_x
            # in full precision under autocast too: these are sums over the whole batch
            with torch.autocast(weight.device.type, enabled=False):
                covariance = batch_sum(centred.T @ centred) / n
                gain = weight.new_ones(len(weight)) if self.scale is None else self.scale
                folded, shift, mean_y, var = _Fold.apply(weight, mean_x, covariance, gain)  # type: ignore[no-untyped-call]
            self._remember(mean_y, var, n)
        else:
            scale = self._scaled((self.running_var + _EPS).rsqrt())
            folded, shift = weight * scale[:, None], -self.running_mean * scale
        return folded, shift if self.bias is None else shift + self.bias

    def _scaled(self, factor: Tensor) -> Tensor:
        return factor if self.scale is None else self.scale * factor

    def _learns_from(self, x: Tensor) -> bool:
        return self.training and _documents(x) > 1

    @torch.no_grad()
    def _remember(self, mean_y: Tensor, var: Tensor, n: int) -> None:
        self.running_mean.lerp_(mean_y, _MOMENTUM)
        # as torch does: normalise by the biased variance, keep the unbiased one
        self.running_var.lerp_(var * (n / (n - 1)), _MOMENTUM)


class _Fold(torch.autograd.Function):
    """(s W, -s y, y, v): y = W m, v_v = w_v^T C w_v, s = gain / sqrt(v + eps).

    One function, because autograd's own steps keep twice as many matrices of the size of W: they
    take 1.1 times as long per training step of prodlda at V = 50,000. With P = W C and the
    gradients G of s W and g of -s y: ds = sum_k G W - g y, dv = -ds s / (2 (v + eps)), dy = -g s,
    dW = G s + dy m^T + 2 dv P, dm = W^T dy, dC = W^T (dv W), dgain = ds / sqrt(v + eps).
    """

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, mean: Tensor, covariance: Tensor, gain: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        projected = weight @ covariance
        y, var = weight @ mean, torch.linalg.vecdot(projected, weight)
        root = (var + _EPS).rsqrt()
        scale = gain * root
        ctx.save_for_backward(weight, mean, projected, y, root, scale)
        ctx.mark_non_differentiable(y, var)
        return weight * scale[:, None], -y * scale, y, var

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_shift: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
        weight, mean, projected, y, root, scale = ctx.saved_tensors
        grad_scale = torch.linalg.vecdot(grad, weight) - grad_shift * y
        grad_var = -0.5 * grad_scale * scale * root.square()
        grad_y = -grad_shift * scale
        grad_weight = grad * scale[:, None]
        grad_weight.addr_(grad_y, mean).addcmul_(projected, grad_var[:, None], value=2)
        grad_covariance = (weight * grad_var[:, None]).T @ weight
        return grad_weight, grad_y @ weight, grad_covariance, grad_scale * root


def _documents(x: Tensor) -> int:
    """B of the whole batch, over all processes."""
    split = current()
    return x.shape[0] if split is None else split.n_documents
