"""The product decoder: a softmax over words of a linear map of theta (product of experts)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from topicforge import ops
from topicforge.contracts import Batch, Context, Decoder
from topicforge.contracts.options import one_of, share
from topicforge.parts.layers import (
    STARTS,
    BatchNorm,
    Dropout,
    log_cluster_words,
    start_at_log_frequency,
    variant,
)

_WHERE = "decoder 'product'"
SCORES = ("weights", "probabilities")


class ProductDecoder(Decoder):
    """p(x) = softmax(W theta + b) (ProdLDA, Srivastava and Sutton 2017; W-LDA, Nan 2019).

    Batch norm of the logits W theta is folded into W and b, so that it needs no (B, V) matrix
    either (:meth:`topicforge.parts.layers.BatchNorm.fold`).

    Args:
        context: sizes; the word frequencies start the bias where ``frequency_bias``.
        batch_norm: normalise the logits over the batch: False, True (``bias``: b learned, scale
            fixed at 1), ``affine`` (both learned) or ``plain`` (neither: b stays where it starts).
        frequency_bias: whether b starts at the log word frequencies, so that W has what topics add.
        scores: what orders a topic's words: ``weights`` (W alone, without the background in b) or
            ``probabilities`` (with b).
        dropout: share of theta's entries that are dropped in training, in [0, 1) (ProdLDA's theta
            dropout).
        start: ``random``: W by Glorot and Bengio 2010; or ``clusters``: W_vk = log(p(v | k) / p(v)) and
            b_v = log p(v) of the document clusters that encoder ``spectral`` starts from.
    """

    def __init__(
        self,
        context: Context,
        *,
        batch_norm: bool | str = False,
        frequency_bias: bool = False,
        scores: str = "weights",
        dropout: float = 0.0,
        start: str = "random",
    ) -> None:
        super().__init__(context)
        one_of(_WHERE, "scores", scores, SCORES)
        v, k = context.vocab_size, context.n_topics
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(v, k)))
        self.bias = nn.Parameter(torch.zeros(v))
        kind = variant(_WHERE, batch_norm)
        self.norm = None if kind is None else BatchNorm(v, bias=False, scale=kind == "affine")
        if kind == "plain":
            self.bias.requires_grad_(False)
        self.frequency_bias = frequency_bias
        self.scores = scores
        self.start_from = one_of(_WHERE, "start", start, STARTS)
        self.dropout = Dropout(share(_WHERE, "dropout", dropout))

    def start(self) -> None:
        """Start at the clusters' words, or the bias at the log word frequencies, by the options."""
        if self.start_from == "clusters":
            words, alone = log_cluster_words(self.context)
            with torch.no_grad():
                self.weight.copy_(words - alone[:, None])
                self.bias.copy_(alone)
        elif self.frequency_bias:
            start_at_log_frequency(self.bias, self.context.word_frequency)

    def _weight_and_bias(self, theta: Tensor | None) -> tuple[Tensor, Tensor]:
        """W and b with batch norm folded in: statistics of theta's batch, or the running ones."""
        if self.norm is None:
            return self.weight, self.bias
        weight, shift = self.norm.fold(theta, self.weight)
        return weight, shift + self.bias

    def log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,), the log-sum-exp over words streamed."""
        theta = self.dropout(theta)
        weight, bias = self._weight_and_bias(theta)
        return -ops.product_multinomial_nll(batch.crow, batch.col, batch.count, theta, weight, bias)

    def topic_word(self, theta: Tensor) -> Tensor:
        """softmax(W theta + b), (R, V)."""
        weight, bias = self._weight_and_bias(None)
        return torch.softmax(theta @ weight.T + bias, -1)

    def word_scores(self, theta: Tensor) -> Tensor:
        """W theta, or the probabilities, by ``scores``, (R, V)."""
        if self.scores == "probabilities":
            return self.topic_word(theta)
        return theta @ self.weight.T

    @property
    def scored_by(self) -> str:
        """The rule in words."""
        if self.scores == "probabilities":
            return super().scored_by
        return "decoder weight, without the bias (the background word frequency)"
