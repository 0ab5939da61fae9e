"""The product decoder: a softmax over words of a linear map of theta (product of experts)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from topicforge import ops
from topicforge.contracts import Batch, Context, Decoder
from topicforge.layers import require

_WHERE = "decoder 'product'"
RANKINGS = ("weights", "probabilities")


class ProductDecoder(Decoder):
    """p(x) = softmax(W theta + b) (ProdLDA, Srivastava and Sutton 2017; W-LDA, Nan 2019).

    Batch norm of the logits needs no (B, V) matrix: over a batch, logit v has mean w_v . m and
    variance w_v^T C w_v, with m (K,) and C (K, K) the mean and covariance of theta, so it is a
    rescaled W and a shifted b.

    Args:
        context: sizes; the word frequencies start the bias where ``frequency_bias``.
        batch_norm: normalise the logits over the batch, scale fixed at 1, bias learned.
        frequency_bias: start b at log word frequency, so that W holds what topics add to it.
        ranking: rank a topic's words by its ``weights`` (W alone, without the background that b
            holds) or by ``probabilities`` (with b).
        dropout: share of theta's entries dropped in training (ProdLDA's theta dropout).
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        context: Context,
        *,
        batch_norm: bool = False,
        frequency_bias: bool = False,
        ranking: str = "weights",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(context)
        require(ranking in RANKINGS, _WHERE, "ranking", f"one of {RANKINGS}", ranking)
        require(0 <= dropout < 1, _WHERE, "dropout", "in [0, 1)", dropout)
        v, k = context.vocab_size, context.n_topics
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(v, k)))
        self.bias = nn.Parameter(torch.zeros(v))
        self.batch_norm = batch_norm
        self.frequency_bias = frequency_bias
        self.rule = ranking
        self.dropout = nn.Dropout(dropout)
        if batch_norm:
            self.register_buffer("running_mean", torch.zeros(v))
            self.register_buffer("running_var", torch.ones(v))

    def start(self) -> None:
        """Start the bias at the log frequencies where ``frequency_bias``; unseen words as once."""
        frequency = self.context.word_frequency
        if self.frequency_bias and frequency is not None:
            floor = frequency[frequency > 0].min()
            with torch.no_grad():
                self.bias.copy_(frequency.clamp_min(floor).log())

    def _weight_and_bias(self, theta: Tensor | None) -> tuple[Tensor, Tensor]:
        """W and b with batch norm folded in: statistics of theta's batch, or the running ones."""
        if not self.batch_norm:
            return self.weight, self.bias
        if theta is not None and self.training and theta.shape[0] > 1:
            mean_theta = theta.mean(0)
            centred = theta - mean_theta
            covariance = centred.T @ centred / theta.shape[0]
            mean = self.weight @ mean_theta
            var = ((self.weight @ covariance) * self.weight).sum(1)
            with torch.no_grad():
                self.running_mean.lerp_(mean, 0.1)
                self.running_var.lerp_(var, 0.1)
        else:
            mean, var = self.running_mean, self.running_var
        scale = (var + 1e-3).rsqrt()
        return self.weight * scale[:, None], self.bias - mean * scale

    def log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,), the log-sum-exp over words streamed."""
        theta = self.dropout(theta)
        weight, bias = self._weight_and_bias(theta)
        return -ops.product_multinomial_nll(
            batch.crow, batch.col, batch.count, theta, weight, bias
        )

    def topic_word(self, theta: Tensor) -> Tensor:
        """softmax(W theta + b), (R, V)."""
        weight, bias = self._weight_and_bias(None)
        return torch.softmax(theta @ weight.T + bias, -1)

    def word_scores(self, theta: Tensor) -> Tensor:
        """W theta, or the probabilities, by ``ranking``, (R, V)."""
        if self.rule == "probabilities":
            return self.topic_word(theta)
        return theta @ self.weight.T

    @property
    def ranking(self) -> str:
        """The rule in words."""
        if self.rule == "probabilities":
            return super().ranking
        return "decoder weight, without the bias (the background word frequency)"
