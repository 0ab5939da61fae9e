"""Batch norm over a batch, folded into the weight before it."""

from typing import Any

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library, reference
from topicforge.ops._arguments import check_matrix, harmonise, is_scripting, widen

_NAME = "batch_norm_fold"


def batch_norm_fold(
    weight: Tensor,
    mean: Tensor,
    covariance: Tensor,
    gain: Tensor,
    eps: float,
    impl: str = "auto",
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(s W, −s y, y, v): y_v = w_v · m, v_v = w_vᵀ C w_v, s_v = gain_v / √(v_v + ε).

    Where a batch of x has mean m and covariance C, the column v of x Wᵀ has mean y_v and variance
    v_v. So x (s W)ᵀ − s y is batch norm of x Wᵀ without its bias, and no (B, V) matrix is made.

    Args:
        weight: (V, K) W; a word is a row.
        mean: (K,) m.
        covariance: (K, K) C, symmetric: Σ_b (x_b − m) (x_b − m)ᵀ / B.
        gain: (V,).
        eps: ε, > 0.
        impl: "auto", "native" or "reference".

    Returns:
        s W (V, K) and −s y (V,), in the arguments' common dtype, at least float32; and y (V,) and
        v (V,), through which no gradient goes: they are for running statistics.

    Raises:
        InputError: kinds, shapes or devices don't fit together.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: Ioffe and Szegedy 2015, algorithm 1, of a linear map.
    """
    if is_scripting():
        outputs: tuple[Tensor, Tensor, Tensor, Tensor] = torch.ops.topicforge.batch_norm_fold(
            widen(weight), widen(mean), widen(covariance), widen(gain), eps
        )
        return outputs
    else:
        return _batch_norm_fold(weight, mean, covariance, gain, eps, impl)


def _batch_norm_fold(
    weight: Tensor, mean: Tensor, covariance: Tensor, gain: Tensor, eps: float, impl: str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    check_matrix(_NAME, "weight", weight, "(V, K)")
    weight, mean, covariance, gain = harmonise(
        _NAME, weight=weight, mean=mean, covariance=covariance, gain=gain
    )
    V, K = weight.shape
    for name, x, letters, shape in (
        ("mean", mean, "(K,)", (K,)),
        ("covariance", covariance, "(K, K)", (K, K)),
        ("gain", gain, "(V,)", (V,)),
    ):
        if x.shape != shape:
            raise InputError(
                f"{_NAME}: {name} must have shape {letters} = {shape}, but has {tuple(x.shape)}"
            )
    if _library.serves(_NAME, impl, weight.device.type):
        result: tuple[Tensor, Tensor, Tensor, Tensor] = torch.ops.topicforge.batch_norm_fold(
            weight, mean, covariance, gain, eps
        )
        return result
    # Autocast would do the matrix products in half and lose the digits of the variance.
    with torch.autocast(weight.device.type, enabled=False):
        return reference.batch_norm_fold(weight, mean, covariance, gain, eps)


def _fake(
    weight: Tensor, mean: Tensor, covariance: Tensor, gain: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    V = weight.shape[0]
    return weight.new_empty(weight.shape), *(weight.new_empty(V) for _ in range(3))  # type: ignore[return-value]


def _fake_backward(
    grad: Tensor,
    grad_shift: Tensor,
    weight: Tensor,
    mean: Tensor,
    covariance: Tensor,
    gain: Tensor,
    y: Tensor,
    var: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        weight.new_empty(weight.shape),
        mean.new_empty(mean.shape),
        covariance.new_empty(covariance.shape),
        gain.new_empty(gain.shape),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.eps = inputs
    _, _, y, var = output
    ctx.mark_non_differentiable(y, var)
    ctx.save_for_backward(*tensors, y, var)


def _backward(ctx: Any, grad: Tensor, grad_shift: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    grads = torch.ops.topicforge._batch_norm_fold_backward(
        grad, grad_shift, *ctx.saved_tensors, ctx.eps
    )
    wants = ctx.needs_input_grad[:4]
    return *(g if want else None for g, want in zip(grads, wants, strict=True)), None


_library.register(_NAME, _fake, _backward, _setup_context)
_library.register("_batch_norm_fold_backward", _fake_backward)
