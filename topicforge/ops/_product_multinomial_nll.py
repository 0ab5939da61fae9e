"""Multinomial likelihood of sparse counts under a product of experts."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from topicforge.errors import InputError
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

_NAME = "product_multinomial_nll"
# Elements of one tile of logits, 16 MiB in float32: wide enough for full matrix-product speed.
_TILE_ELEMENTS = 1 << 22


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
            operator does not check word numbers, which would wait for the device: one outside of the
            vocabulary makes its document's result NaN.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: the reconstruction term under the product decoder of Srivastava and Sutton 2017
    (ProdLDA) and Nan et al. 2019 (W-LDA); Zhang, survey, eq. 5; the tiles follow the idea of cut
    cross-entropy (Wijmans et al. 2024).
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
    crow, col = check_counts(_NAME, crow, col, count, "count")
    check_no_gradient(_NAME, "count", count)
    theta, weight, bias = harmonise(_NAME, crow, theta=theta, weight=weight, bias=bias)
    check_shapes(
        _NAME,
        {"B": crow.shape[0] - 1},
        theta=(theta, "BK"),
        weight=(weight, "VK"),
        bias=(bias, "V"),
    )
    if weight.shape[0] == 0:
        raise InputError(f"{_NAME}: weight must have a row per word, but the vocabulary is empty")
    count = count.to(theta.dtype)
    if _library.serves(_NAME, impl, theta.device.type):
        try:
            nll: Tensor
            nll, _ = torch.ops.topicforge.product_multinomial_nll(
                crow, col, count, theta, weight, bias
            )
        except RuntimeError:
            check_words(_NAME, crow, col, weight.shape[0])
            raise
        return nll
    check_words(_NAME, crow, col, weight.shape[0])
    return _reference(crow, col, count, theta, weight, bias)[0]


def _reference(
    crow: Tensor, col: Tensor, count: Tensor, theta: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    # Autocast would do the matrix products in half and lose the digits of the log-sum-exp.
    with torch.autocast(theta.device.type, enabled=False):
        row = row_of_entry(crow, col.shape[0])
        logit = (theta.index_select(0, row) * weight.index_select(0, col)).sum(-1)  # (nnz,)
        logit = logit + bias.index_select(0, col)
        n_rows = theta.shape[0]
        present = sum_rows(count * logit, row, n_rows)
        log_normaliser = _log_normaliser(theta, weight, bias)
        return sum_rows(count, row, n_rows) * log_normaliser - present, log_normaliser


def _log_sum_exp_tile(theta: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.logsumexp(torch.addmm(bias, theta, weight.T), dim=-1)


def _log_normaliser(theta: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Log of Σ_v exp(θ_b · w_v + b_v): (B, K), (V, K), (V,) → (B,), tile by tile over V.

    Each tile of logits is recomputed for the gradient, so that one tile is alive at a time.
    """
    n_words = weight.shape[0]
    tile = max(1, _TILE_ELEMENTS // max(1, theta.shape[0]))
    if tile >= n_words:
        return _log_sum_exp_tile(theta, weight, bias)
    parts = []
    for start in range(0, n_words, tile):
        words = slice(start, start + tile)
        part = checkpoint(
            _log_sum_exp_tile,
            theta,
            weight[words],
            bias[words],
            use_reentrant=False,
            preserve_rng_state=False,  # nothing in a tile is random
        )
        parts.append(part)
    return torch.logsumexp(torch.stack(parts), dim=0)


_library.register(
    _NAME,
    lambda crow, col, count, theta, weight, bias: (
        theta.new_empty(theta.shape[0]),
        theta.new_empty(theta.shape[0]),
    ),
    *_library.wanted_gradients(_NAME, 3, keep=1),
    reference=_reference,
)
_library.register(
    f"_{_NAME}_backward",
    lambda grad, crow, col, count, theta, weight, bias, log_sum_exp, *wants: gradients_like(
        (theta, weight, bias), wants
    ),
)
