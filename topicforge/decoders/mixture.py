"""The mixture decoder: free topic-word distributions, or factored ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from topicforge.contracts import Context
from topicforge.decoders.topics_over_words import TopicsOverWords
from topicforge.layers import whole


class MixtureDecoder(TopicsOverWords):
    """p(x) = theta beta, beta_k = softmax(logits_k), survey section 1 (Miao 2017).

    With ``width`` the logits are t_k . v_v, topic and word vectors of that width as in the
    published NVDM-GSM; entries start at N(0, 1/width^(1/2)), so that logits start at unit scale.
    Without it they are free and start at N(0, 0.02^2).

    Args:
        context: sizes.
        width: width of the topic and word vectors; ``None`` for free logits.
    """

    def __init__(self, context: Context, *, width: int | None = None) -> None:
        super().__init__(context)
        v, k = context.vocab_size, context.n_topics
        self.width = width
        if width is None:
            self.free = nn.Parameter(torch.randn(v, k) * 0.02)
        else:
            width = whole("decoder 'mixture'", "width", width)
            self.word = nn.Parameter(torch.randn(v, width) * width**-0.25)
            self.topic = nn.Parameter(torch.randn(k, width) * width**-0.25)

    def logits(self) -> Tensor:
        """(V, K)."""
        return self.free if self.width is None else self.word @ self.topic.T
