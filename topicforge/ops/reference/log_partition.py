"""The normaliser of a softmax over words and what it has as its gradient, in plain PyTorch."""

import torch
from torch import Tensor


def log_partition(weight: Tensor, topic: Tensor) -> tuple[Tensor, Tensor]:
    """Log sum_v exp(w_v . t_k), (K,), and sum_v softmax_v(w_v . t_k) w_v, (K, E)."""
    logits = topic @ weight.T
    return torch.logsumexp(logits, 1), torch.softmax(logits, 1) @ weight
