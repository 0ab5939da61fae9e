"""Multinomial likelihood of sparse counts under a product of experts."""

from typing import Any

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library, reference
from topicforge.ops._arguments import (
    check_columns,
    check_matrix,
    fake_grad,
    harmonise,
    is_scripting,
    widen,
)
from topicforge.ops._csr import (
    check_csr,
    check_csr_elements,
    check_no_gradient,
    check_rows,
)

_NAME = "product_multinomial_nll"


def product_multinomial_nll(
    crow: Tensor,
    col: Tensor,
    count: Tensor,
    theta: Tensor,
    weight: Tensor,
    bias: Tensor,
    impl: str = "auto",
) -> Tensor:
    """−Σ_v x_bv log softmax_v(θ_b Wᵀ + b) = N_b log Σ_v exp(h_bv) − Σ_v x_bv h_bv, h = θ Wᵀ + b.

    N_b = Σ_v x_bv. The log-sum-exp runs over tiles of words, so that the (B, V) matrix of logits
    never exists, in the gradient neither.

    Args:
        crow: (B + 1,) int64 or int32: document b holds entries crow[b] to crow[b + 1].
        col: (nnz,) int64 or int32 word numbers below V.
        count: (nnz,) floating point, occurrences of the word; gets no gradient.
        theta: (B, K) topic proportions, or any features.
        weight: (V, K) W; a word is a row.
        bias: (V,) b; −∞ takes a word out of the softmax.
        impl: "auto", "native" or "reference".

    Returns:
        (B,), in the common dtype of ``theta``, ``weight`` and ``bias``, at least float32; 0 for
        an empty document.

    Raises:
        InputError: kinds, shapes, devices or word numbers don't fit together. On a GPU the native
            operator does not wait to look at word numbers: one that is outside of the vocabulary
            makes its document's result NaN.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: the reconstruction term of survey eq. 5 under the product decoder of ProdLDA
    (Srivastava and Sutton 2017) and W-LDA (Nan et al. 2019); the tiles follow the idea of
    cut cross-entropy (Wijmans et al. 2024).
    """
    if is_scripting():
        theta, weight, bias = widen(theta), widen(weight), widen(bias)
        outputs: tuple[Tensor, Tensor] = torch.ops.topicforge.product_multinomial_nll(
            crow.long(), col.long(), count.to(theta.dtype), theta, weight, bias
        )
        return outputs[0]
    else:
        return _product_multinomial_nll(crow, col, count, theta, weight, bias, impl)


def _product_multinomial_nll(
    crow: Tensor,
    col: Tensor,
    count: Tensor,
    theta: Tensor,
    weight: Tensor,
    bias: Tensor,
    impl: str,
) -> Tensor:
    crow, col = check_csr(_NAME, crow, col, count, "count")
    check_no_gradient(_NAME, "count", count, "detach it")
    check_matrix(_NAME, "theta", theta, "(B, K)")
    check_matrix(_NAME, "weight", weight, "(V, K)")
    check_columns(_NAME, "theta", theta, "weight", weight, "K")
    check_rows(_NAME, crow, theta)
    theta, weight, bias = harmonise(_NAME, theta=theta, weight=weight, bias=bias)
    if bias.shape != weight.shape[:1]:
        raise InputError(
            f"{_NAME}: bias must have shape (V,) = ({weight.shape[0]},), but has "
            f"{tuple(bias.shape)}"
        )
    if weight.shape[0] == 0:
        raise InputError(f"{_NAME}: weight must have a row a word, but the vocabulary is empty")
    count = count.to(theta.dtype)
    if _library.serves(_NAME, impl, theta.device.type):
        try:
            nll: Tensor
            nll, _ = torch.ops.topicforge.product_multinomial_nll(
                crow, col, count, theta, weight, bias
            )
        except RuntimeError:
            check_csr_elements(_NAME, crow, col, weight.shape[0])
            raise
        return nll
    check_csr_elements(_NAME, crow, col, weight.shape[0])
    # Autocast would do the matrix products in half and lose the digits of the log-sum-exp.
    with torch.autocast(theta.device.type, enabled=False):
        return reference.product_multinomial_nll(crow, col, count, theta, weight, bias)


def _fake(
    crow: Tensor, col: Tensor, count: Tensor, theta: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    return theta.new_empty(theta.shape[0]), theta.new_empty(theta.shape[0])


def _fake_backward(
    grad: Tensor,
    crow: Tensor,
    col: Tensor,
    count: Tensor,
    theta: Tensor,
    weight: Tensor,
    bias: Tensor,
    log_sum_exp: Tensor,
    want_theta: bool,
    want_weight: bool,
    want_bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        fake_grad(theta, want_theta),
        fake_grad(weight, want_weight),
        fake_grad(bias, want_bias),
    )


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*inputs, output[1])


def _backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    wants = ctx.needs_input_grad[3:]
    grads = torch.ops.topicforge._product_multinomial_nll_backward(grad, *ctx.saved_tensors, *wants)
    asked = (g if want else None for g, want in zip(grads, wants, strict=True))
    return None, None, None, *asked


_library.register("product_multinomial_nll", _fake, _backward, _setup_context)
_library.register("_product_multinomial_nll_backward", _fake_backward)
