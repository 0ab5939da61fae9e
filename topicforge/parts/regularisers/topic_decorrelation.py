"""Topics are pushed away from each other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from topicforge.contracts import Progress, Regulariser
from topicforge.contracts.options import positive

_WHERE = "regulariser 'topic-decorrelation'"


class TopicDecorrelation(Regulariser):
    """weight / (K (K - 1)) sum_{k != l} cos(phi_k, phi_l)^2, phi_k the decoder's topic k.

    phi = topic_word of the K pure topics, (K, V), each divided by the root of the topics' mean, so that
    words which all of them use don't decide: what is left is how far two topics go together beyond
    chance. It is the soft orthogonality of Bansal 2018 (eq. 1) on unit rows, off the diagonal; 0
    where no two topics share a word, ``weight`` where all are the same. The cost is that of all topics
    over all words, O(K^2 V) per step, whatever the decoder.

    Args:
        weight: weight of the penalty, in nats per document, > 0.

    Raises:
        OptionError: ``weight`` is no positive number.
    """

    def __init__(self, *, weight: float = 10.0) -> None:
        self.weight = positive(_WHERE, "weight", weight)

    def penalty(self, network: Any, now: Progress) -> Tensor | None:
        """The weighted mean of squared cosines; nothing to push apart with one topic."""
        del now
        n_topics = network.context.n_topics
        if n_topics == 1:
            return None
        like = next(network.decoder.parameters())
        topics = network.decoder.topic_word(
            torch.eye(n_topics, dtype=like.dtype, device=like.device)
        )
        return self.weight * mean_squared_cosine(topics)


def mean_squared_cosine(topics: Tensor) -> Tensor:
    """Mean over pairs k != l of cos(phi_k, phi_l)^2, phi = topics / sqrt(mean of the topics).

    Args:
        topics: (K, V) probabilities of words, K >= 2.

    Returns:
        A scalar in [0, 1].
    """
    n_topics = topics.shape[0]
    spread = topics * topics.mean(0).clamp_min(torch.finfo(topics.dtype).tiny).rsqrt()
    unit = F.normalize(spread, dim=1)
    squares = (unit @ unit.T).square()
    return (squares.sum() - squares.diagonal().sum()) / (n_topics * (n_topics - 1))
