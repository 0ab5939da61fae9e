"""Multinomial likelihoods of sparse counts under the mixture and the product decoder."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from topicforge.ops.reference.sparse_rows import row_of_entry, sum_rows

# Elements of one tile of logits, 16 MiB in float32: wide enough for full matrix-product speed.
_TILE_ELEMENTS = 1 << 22


def sparse_multinomial_nll(
    crow: Tensor, col: Tensor, count: Tensor, theta: Tensor, topic_word: Tensor
) -> Tensor:
    """−Σ_{v in document b} x_bv log max(Σ_k θ_bk β_vk, τ), τ the smallest normal number.

    ``crow`` (B + 1,), ``col`` and ``count`` (nnz,), ``theta`` (B, K), ``topic_word`` β (V, K)
    → (B,). Where the floor τ is met the gradient is exactly zero. O(nnz K) time and memory.
    """
    row = row_of_entry(crow, col.shape[0])
    p = (theta.index_select(0, row) * topic_word.index_select(0, col)).sum(-1)  # (nnz,)
    tiny = torch.finfo(p.dtype).tiny
    # torch.where, not clamp: clamp's gradient at its bound differs between torch versions, and
    # "<=" keeps a NaN visible.
    p = torch.where(p <= tiny, torch.full_like(p, tiny), p)
    return -sum_rows(count * torch.log(p), row, theta.shape[0])


def _log_sum_exp_tile(theta: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.logsumexp(torch.addmm(bias, theta, weight.T), dim=-1)


def log_normaliser(theta: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
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


def product_multinomial_nll(
    crow: Tensor, col: Tensor, count: Tensor, theta: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """−Σ_v x_bv log softmax_v(h_b) = N_b log Σ_v exp(h_bv) − Σ_v x_bv h_bv, h = θ Wᵀ + b.

    ``crow`` (B + 1,), ``col`` and ``count`` (nnz,), ``theta`` (B, K), ``weight`` W (V, K),
    ``bias`` b (V,) → (B,); N_b = Σ_v x_bv. No (B, V) matrix outlives its tile.
    """
    row = row_of_entry(crow, col.shape[0])
    logit = (theta.index_select(0, row) * weight.index_select(0, col)).sum(-1)  # (nnz,)
    logit = logit + bias.index_select(0, col)
    n_rows = theta.shape[0]
    present = sum_rows(count * logit, row, n_rows)
    return sum_rows(count, row, n_rows) * log_normaliser(theta, weight, bias) - present
