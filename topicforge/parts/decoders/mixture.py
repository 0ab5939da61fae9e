"""The mixture decoder: free topic-word distributions, or factored ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from topicforge.contracts import Context
from topicforge.contracts.options import one_of, require, whole
from topicforge.parts.decoders.topics_over_words import TopicsOverWords
from topicforge.parts.layers import product

_WHERE = "decoder 'mixture'"
STARTS = ("random", "xavier", "clusters")
#: words of the whole corpus added to every cluster's own
SMOOTHING = 100.0


class MixtureDecoder(TopicsOverWords):
    """p(x) = theta beta, beta_k = softmax(logits_k) (Miao 2017).

    With ``width`` the logits are t_k . v_v, topic and word vectors of that width as in the
    published NVDM-GSM; entries start at N(0, 1/width^(1/2)), so that logits start at unit scale, or
    by Glorot and Bengio 2010, eq. 16, so that they start near 0 and topics nearly equal. Without it
    the logits are free and start at N(0, 0.02^2), or at the words of document clusters:
    log of (counts of cluster k's words + 100 p(v)), normalised.

    Args:
        context: sizes, and training documents where ``start="clusters"``.
        width: width of the topic and word vectors; ``None`` for free logits.
        start: ``random``; ``xavier``: each matrix (n, width) uniform within
            +-(6 / (n + width))^(1/2), with ``width`` only; or ``clusters``: those that encoder
            ``spectral`` starts from, topic by topic, or clusters of its own beside another encoder.
    """

    def __init__(
        self,
        context: Context,
        *,
        width: int | None = None,
        start: str = "random",
    ) -> None:
        super().__init__(context)
        one_of(_WHERE, "start", start, STARTS)
        factored = width is not None
        require(
            factored or start != "xavier", _WHERE, "start",
            "'random' or 'clusters' where the topics are free (no width)", start,
        )  # fmt: skip
        require(
            not factored or start != "clusters", _WHERE, "start",
            "'random' or 'xavier' where the topics are factored (width)", start,
        )  # fmt: skip
        self.start_from = start
        v, k = context.vocab_size, context.n_topics
        self.width = width
        if width is None:
            self.free = nn.Parameter(torch.randn(v, k) * 0.02)
        else:
            width = whole(_WHERE, "width", width)
            self.word = nn.Parameter(torch.randn(v, width) * width**-0.25)
            self.topic = nn.Parameter(torch.randn(k, width) * width**-0.25)
            if start == "xavier":
                nn.init.xavier_uniform_(self.word)
                nn.init.xavier_uniform_(self.topic)

    def start(self) -> None:
        """Start at the clusters' words under ``start="clusters"``."""
        if self.start_from != "clusters":
            return
        v = self.context.vocab_size
        found = self.context.start_data.clusters(self.context.n_topics)
        total = found.word_counts.sum(0)
        smoothed = found.word_counts + SMOOTHING * (total + 1 / v) / (total.sum() + 1)
        with torch.no_grad():
            self.free.copy_(torch.from_numpy(np.log(smoothed / smoothed.sum(1, keepdims=True))).T)

    def logits(self) -> Tensor:
        """(V, K)."""
        return self.free if self.width is None else product(self.word, self.topic)
