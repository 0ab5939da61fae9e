"""Multinomial likelihood of sparse counts under a mixture of topics."""

from typing import Any

import torch
from torch import Tensor

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

_NAME = "sparse_multinomial_nll"


def sparse_multinomial_nll(
    crow: Tensor,
    col: Tensor,
    count: Tensor,
    theta: Tensor,
    topic_word: Tensor,
    impl: str = "auto",
) -> Tensor:
    """−Σ_{v in document b} x_bv log max(p_bv, τ) with p_bv = Σ_k θ_bk β_vk.

    Only words that occur are touched: O(nnz K) instead of O(B V K). The floor τ is the smallest
    normal number of the dtype (1.2e-38 in float32): an impossible word costs x · 87.3 instead of
    infinity, and where p ≤ τ the gradient is exactly zero.

    Args:
        crow: (B + 1,) int64 or int32: document b holds entries crow[b] to crow[b + 1].
        col: (nnz,) int64 or int32 word numbers below V.
        count: (nnz,) floating point, occurrences of the word; gets no gradient.
        theta: (B, K) topic proportions.
        topic_word: (V, K) β, the probability of each word under each topic; a word is a row.
        impl: "auto", "native" or "reference".

    Returns:
        (B,), in the common dtype of ``theta`` and ``topic_word``, at least float32; 0 for an
        empty document.

    Raises:
        InputError: kinds, shapes, devices or word numbers don't fit together. On a GPU the native
            operator does not wait to look at word numbers: one that is outside of the vocabulary
            makes its document's result NaN.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: the reconstruction term of survey eq. 5 under the mixture decoder of NVDM-GSM (Miao
    et al. 2017) and ETM (Dieng et al. 2019).
    """
    if is_scripting():
        theta, topic_word = widen(theta), widen(topic_word)
        outputs: tuple[Tensor, Tensor] = torch.ops.topicforge.sparse_multinomial_nll(
            crow.long(), col.long(), count.to(theta.dtype), theta, topic_word
        )
        return outputs[0]
    else:
        return _sparse_multinomial_nll(crow, col, count, theta, topic_word, impl)


def _sparse_multinomial_nll(
    crow: Tensor, col: Tensor, count: Tensor, theta: Tensor, topic_word: Tensor, impl: str
) -> Tensor:
    crow, col = check_csr(_NAME, crow, col, count, "count")
    check_no_gradient(_NAME, "count", count, "detach it")
    check_matrix(_NAME, "theta", theta, "(B, K)")
    check_matrix(_NAME, "topic_word", topic_word, "(V, K)")
    check_columns(_NAME, "theta", theta, "topic_word", topic_word, "K")
    check_rows(_NAME, crow, theta)
    theta, topic_word = harmonise(_NAME, theta=theta, topic_word=topic_word)
    count = count.to(theta.dtype)
    if _library.serves(_NAME, impl, theta.device.type):
        try:
            nll: Tensor
            nll, _ = torch.ops.topicforge.sparse_multinomial_nll(
                crow, col, count, theta, topic_word
            )
        except RuntimeError:
            check_csr_elements(_NAME, crow, col, topic_word.shape[0])
            raise
        return nll
    check_csr_elements(_NAME, crow, col, topic_word.shape[0])
    return reference.sparse_multinomial_nll(crow, col, count, theta, topic_word)


def _fake(
    crow: Tensor, col: Tensor, count: Tensor, theta: Tensor, topic_word: Tensor
) -> tuple[Tensor, Tensor]:
    return theta.new_empty(theta.shape[0]), theta.new_empty(col.shape[0])


def _fake_backward(
    grad: Tensor,
    crow: Tensor,
    col: Tensor,
    count: Tensor,
    theta: Tensor,
    topic_word: Tensor,
    p: Tensor,
    want_theta: bool,
    want_topic_word: bool,
) -> tuple[Tensor, Tensor]:
    return fake_grad(theta, want_theta), fake_grad(topic_word, want_topic_word)


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*inputs, output[1])


def _backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    want_theta, want_topic_word = ctx.needs_input_grad[3:]
    grad_theta, grad_topic_word = torch.ops.topicforge._sparse_multinomial_nll_backward(
        grad, *ctx.saved_tensors, want_theta, want_topic_word
    )
    return (
        None,
        None,
        None,
        grad_theta if want_theta else None,
        grad_topic_word if want_topic_word else None,
    )


_library.register("sparse_multinomial_nll", _fake, _backward, _setup_context)
_library.register("_sparse_multinomial_nll_backward", _fake_backward)
