"""Multinomial likelihood of sparse counts under a mixture of topics."""

import torch
from torch import Tensor

from topicforge.ops import _library
from topicforge.ops._arguments import (
    check_counts,
    check_no_gradient,
    check_shapes,
    check_words,
    gradients_like,
    harmonise,
    is_scripting,
    widen,
)
from topicforge.ops._sparse_rows import row_of_entry, sum_rows

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
            operator does not check word numbers, which would wait for the device: one outside of the
            vocabulary makes its document's result NaN.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: the reconstruction term under the mixture decoder of Miao et al. 2017 (GSM) and Dieng
    et al. 2020 (ETM); Zhang, survey, eq. 5.
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
    crow, col = check_counts(_NAME, crow, col, count, "count")
    check_no_gradient(_NAME, "count", count)
    theta, topic_word = harmonise(_NAME, crow, theta=theta, topic_word=topic_word)
    check_shapes(
        _NAME, {"B": crow.shape[0] - 1}, theta=(theta, "BK"), topic_word=(topic_word, "VK")
    )
    count = count.to(theta.dtype)
    if _library.serves(_NAME, impl, theta.device.type):
        try:
            nll: Tensor
            nll, _ = torch.ops.topicforge.sparse_multinomial_nll(
                crow, col, count, theta, topic_word
            )
        except RuntimeError:
            check_words(_NAME, crow, col, topic_word.shape[0])
            raise
        return nll
    check_words(_NAME, crow, col, topic_word.shape[0])
    return _reference(crow, col, count, theta, topic_word)[0]


def _reference(
    crow: Tensor, col: Tensor, count: Tensor, theta: Tensor, topic_word: Tensor
) -> tuple[Tensor, Tensor]:
    row = row_of_entry(crow, col.shape[0])
    p = (theta.index_select(0, row) * topic_word.index_select(0, col)).sum(-1)  # (nnz,)
    tiny = torch.finfo(p.dtype).tiny
    # torch.where, not clamp: clamp's gradient at its bound differs between torch versions, and
    # "<=" keeps a NaN visible.
    p = torch.where(p <= tiny, torch.full_like(p, tiny), p)
    return -sum_rows(count * torch.log(p), row, theta.shape[0]), p


_library.register(
    _NAME,
    lambda crow, col, count, theta, topic_word: (
        theta.new_empty(theta.shape[0]),
        theta.new_empty(col.shape[0]),
    ),
    *_library.wanted_gradients(_NAME, 3, keep=1),
    reference=_reference,
)
_library.register(
    f"_{_NAME}_backward",
    lambda grad, crow, col, count, theta, topic_word, p, *wants: gradients_like(
        (theta, topic_word), wants
    ),
)
