"""Embedding clustering: the transport between word and topic vectors, as a penalty."""

from __future__ import annotations

import torch
from torch import Tensor

from topicforge_ecr.transport import sinkhorn


def distances(word: Tensor, topic: Tensor) -> Tensor:
    """C_vk = |w_v - t_k|^2, (V, K), from word (V, E) and topic (K, E) vectors."""
    squares = word.square().sum(1)[:, None] + topic.square().sum(1)
    return (squares - 2 * word @ topic.T).clamp_min(0)


def clustering(
    cost: Tensor, sizes: Tensor, epsilon: float, iterations: int, start: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """min_P <P, C> + e KL(P || 1/V s^T),  P 1 = 1/V,  P^T 1 = s (Wu et al. 2023, eq. 4 to 6).

    Its gradient is that of <P, C> at the plan, as in the paper; no iteration is kept for it.

    Args:
        cost: (V, K) C.
        sizes: (K,) s, > 0, sum to one.
        epsilon: e, as a share of the mean of C.
        iterations: the most Sinkhorn sweeps.
        start: (K,) potential of a similar problem, to begin near its solution.

    Returns:
        The transport cost, a scalar, and the (K,) potential.
    """
    e = max(epsilon * float(cost.detach().mean()), 1e-12)
    rows = torch.full((cost.shape[0],), 1 / cost.shape[0]).to(cost)
    solved = sinkhorn(cost.detach(), rows, sizes.to(cost), e, start=start, max_sweeps=iterations)
    moved = (solved.plan * cost).sum()
    # the gradient is <P, dC>, the value the whole transport cost
    return moved + (solved.value - moved.detach()), solved.potential
