"""The mixture decoder: free topic-word distributions, or factored ones, with a background or without."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from topicforge import ops
from topicforge.contracts import Batch, Context
from topicforge.contracts.options import one_of, require, share, whole
from topicforge.parts.decoders.topics_over_words import TopicsOverWords
from topicforge.parts.layers import cluster_words, product, start_at_log_frequency

_WHERE = "decoder 'mixture'"
STARTS = ("random", "xavier", "clusters")
COUNTS = ("plain", "log")
#: of a cluster's share of a word, what stays in its topic where the background explains more than that share
_LEFT = 1e-3


class MixtureDecoder(TopicsOverWords):
    """p(x) = theta beta, beta_k = softmax(logits_k) (Miao 2017).

    With ``width`` the logits are t_k . v_v, topic and word vectors of that width as in the
    published NVDM-GSM; entries start at N(0, 1/width^(1/2)), so that logits start at unit scale, or
    by Glorot and Bengio 2010, eq. 16, so that they start near 0 and topics nearly equal. Without it
    the logits are free and start at N(0, 0.02^2), or at the words of document clusters:
    log of (counts of cluster k's words + 100 p(v)), normalised.

    With ``background`` a topic predicts by its own words and by one distribution b that all topics share:

        beta_k = (1 - l_k) softmax(logits_k) + l_k b

    b starts at p(v), l_k at ``background``, and both are learned. ``own_words`` is softmax(logits_k), which
    under ``start="clusters"`` starts at the clusters' distribution less l_k p(v). It stays one matrix beta,
    so the likelihood is as fast as without (special words with a background: Chemudugunta, Smyth and
    Steyvers 2006; parsimonious language models: Hiemstra, Robertson and Zaragoza 2004).

    Args:
        context: sizes, and training documents where ``start="clusters"``.
        width: width of the topic and word vectors; ``None`` for free logits.
        start: ``random``; ``xavier``: each matrix (n, width) uniform within
            +-(6 / (n + width))^(1/2), with ``width`` only; or ``clusters``: those that encoder
            ``spectral`` starts from, topic by topic, or clusters of its own beside another encoder.
        background: share l_k of the background in every topic at the start, in [0, 1); 0 for none.
        counts: what training maximises: ``plain``, sum_v x_v log p_v; or ``log``,
            sum_v log2(1 + x_v) log p_v: a word that comes again in a document says less than the first time
            (Church and Gale 1995, Poisson Mixtures). Perplexity scores every token alike under both.
    """

    def __init__(
        self,
        context: Context,
        *,
        width: int | None = None,
        start: str = "random",
        background: float = 0.0,
        counts: str = "plain",
    ) -> None:
        super().__init__(context)
        one_of(_WHERE, "start", start, STARTS)
        one_of(_WHERE, "counts", counts, COUNTS)
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
        self.counts = counts
        self.start_share = share(_WHERE, "background", background)
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
        if self.start_share:
            self.background = nn.Parameter(torch.zeros(v))
            odds = math.log(self.start_share / (1 - self.start_share))
            self.share = nn.Parameter(torch.full((k,), odds))

    def start(self) -> None:
        """Start the background at the words' frequencies, and topics as ``start`` says."""
        if self.start_share:
            start_at_log_frequency(self.background, self.context.word_frequency)
        if self.start_from != "clusters":
            return
        smoothed, everywhere = cluster_words(self.context)
        if self.start_share:
            rest = np.maximum(smoothed - self.start_share * everywhere, 0) + _LEFT * smoothed
            smoothed = rest / rest.sum(1, keepdims=True)
        with torch.no_grad():
            self.free.copy_(torch.from_numpy(np.log(smoothed)).T)

    def word_topic_vectors(self) -> tuple[Tensor, Tensor] | None:
        """The factors of the logits, under ``width``."""
        return None if self.width is None else (self.word, self.topic)

    def logits(self) -> Tensor:
        """(V, K)."""
        return self.free if self.width is None else product(self.word, self.topic)

    def beta(self) -> Tensor:
        """(V, K): p(word | topic) with the background, columns sum to one."""
        own = super().beta()
        if not self.start_share:
            return own
        share = torch.sigmoid(self.share)
        return own * (1 - share) + torch.softmax(self.background, 0)[:, None] * share

    def log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,), of the counts as ``counts`` has them."""
        if self.counts == "plain":
            return self.word_log_likelihood(theta, batch)
        count = torch.log2(1 + batch.count)
        return -ops.sparse_multinomial_nll(batch.crow, batch.col, count, theta, self.beta())

    def word_log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,), of every token."""
        return super().log_likelihood(theta, batch)

    def own_words(self, theta: Tensor) -> Tensor:
        """Theta softmax(logits), (R, V)."""
        return theta @ super().beta().T
