"""A dense layer on dense input, and its product."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Below so many multiply-adds a product takes less time than a second way through autograd.
_WORTH = 10_000_000


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Y = x Wᵀ + b, as ``torch.nn.functional.linear``, derivatives of any order included.

    In float32 on x86 processors large products of matrices go to oneDNN. torch gives them to MKL,
    which keeps its widest instructions (AVX-512) for processors of one maker; oneDNN uses what the
    processor has. A training step of etm-paper (V = 5,000) takes 1.3 times as long with torch's
    own product at a batch of 200, 1.5 times at its batch of 1,000. Results agree to about 1e-6 of
    the largest.

    Use it for sizes that recur: oneDNN keeps up to 1,024 compiled products of some 0.6 MB each, so
    that a product whose size follows the batch's words would fill memory.

    Args:
        x: (B, I).
        weight: (O, I) W.
        bias: (O,), or None.

    Returns:
        (B, O).

    Raises:
        RuntimeError: torch's own, where shapes or kinds don't fit together.
    """
    if _onednn_serves(x, weight):
        y: Tensor = _Product.apply(x, weight, bias)  # type: ignore[no-untyped-call]
        return y
    return functional.linear(x, weight, bias)


class Linear(nn.Linear):
    """``torch.nn.Linear``, its parameters and start, in training with :func:`product`.

    Batches of a training have one size; what is transformed comes in any.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as torch names it
        """(B, out_features) of input (B, in_features)."""
        return product(input, self.weight, self.bias) if self.training else super().forward(input)


def _onednn_serves(x: Tensor, weight: Tensor) -> bool:
    return (
        x.ndim == weight.ndim == 2
        and x.shape[0] * weight.numel() >= _WORTH
        and x.shape[1] == weight.shape[1]  # another width is torch's to refuse
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and bool(torch.backends.mkldnn.enabled)
        and torch.backends.cpu.get_cpu_capability().startswith("AVX")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


class _Product(torch.autograd.Function):
    """x Wᵀ + b with gradients that are products of the same kind."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return product

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG004
        x, weight, _ = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _Product.apply(grad, weight.t(), None) if of_x else None,  # type: ignore[no-untyped-call]
            _Product.apply(grad.t(), x.t(), None) if of_weight else None,  # type: ignore[no-untyped-call]
            grad.sum(0) if of_bias else None,
        )
