"""The same in plain PyTorch: the oracle, and what runs where nothing was built."""

from __future__ import annotations

from torch import Tensor


def imq_mmd(x: Tensor, y: Tensor, c: Tensor, unbiased: bool) -> Tensor:
    """MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k = sum_s c_s / (c_s + |x - y|^2).

    It holds matrices of (n, n), (m, m) and (n, m).

    Args:
        x: (n, L) rows of one sample, n >= 1.
        y: (m, L) rows of the other, m >= 1.
        c: (S,) widths, > 0, in the unit of a squared distance.
        unbiased: leave the diagonals out of the two means within a sample; a sample of one row
            has no pair then, and its mean counts as 0.

    Returns:
        Scalar.

    Source: Gretton et al. 2012, eqs. 3 and 5; Tolstikhin et al. 2018 (arXiv:1711.01558), section 4.
    """
    # no distance changes when both samples are moved, and |x|^2 + |y|^2 - 2 xy loses fewer digits
    centre = x.detach().mean(0)
    x, y = x - centre, y - centre

    def within(a: Tensor) -> Tensor:
        n = a.shape[0]
        k = _kernel(a, a, c)
        if unbiased:
            return (k.sum() - k.diagonal().sum()) / max(n * (n - 1), 1)
        return k.mean()

    return within(x) + within(y) - 2 * _kernel(x, y, c).mean()


def _kernel(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
    squared = (x.square().sum(-1)[:, None] + y.square().sum(-1) - 2 * x @ y.T).clamp_min(0)
    total = squared.new_zeros(squared.shape)
    for width in c:
        total = total + width / (width + squared)
    return total
