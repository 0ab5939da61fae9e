"""Rows of a softmax over words, and its gradient at the topics, in plain PyTorch."""

import torch
from torch import Tensor


def topic_word_rows(weight: Tensor, topic: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
    """softmax_v(w_v . t_k) at the words, (R, K), and the mean of w under it, (K, E)."""
    beta = torch.softmax(weight @ topic.T, 0)
    return beta[word], beta.T @ weight


def topic_word_rows_gradient(
    grad: Tensor, beta: Tensor, mean: Tensor, weight: Tensor, word: Tensor
) -> Tensor:
    """sum_r G_rk beta_rk (w_r - mean_k), (K, E)."""
    pull = grad * beta
    return pull.T @ weight[word] - pull.sum(0)[:, None] * mean
