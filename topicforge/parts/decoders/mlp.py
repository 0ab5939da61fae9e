"""The MLP decoder, multinomial or Bernoulli."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from topicforge import ops
from topicforge.contracts import Batch, Context, Decoder
from topicforge.contracts.options import one_of, share, widths
from topicforge.parts.layers import STARTS, Mlp, log_cluster_words, start_at_log_frequency
from topicforge.parts.layers import activation as find_activation

_WHERE = "decoder 'mlp'"
LIKELIHOODS = ("multinomial", "bernoulli")
_TILE = 4096  # words a tile of the Bernoulli sum: memory B x tile, not B x V


class MlpDecoder(Decoder):
    """Logits W h(theta) + b, h an MLP (VaDE's mirror of the encoder, Jiang 2017).

    ``multinomial``: sum_v x_v log softmax_v(logits), what topic models use. ``bernoulli``: VaDE's
    reconstruction, x binarised: sum_v [x_v l_v - log(1 + exp(l_v))].

    Args:
        context: sizes.
        hidden: widths of the hidden layers of h; empty for a linear map.
        activation: function after each layer: relu, softplus, tanh or gelu.
        dropout: share of the units that are dropped after each layer in training, in [0, 1).
        likelihood: of the words: ``multinomial``, of their counts, or ``bernoulli``, of their presence.
        frequency_bias: whether b starts at the log word frequencies.
        start: ``random``: W by Glorot and Bengio 2010; or ``clusters``: b_v = log p(v), and the W of least
            squares of W h(e_k) = log(p(v | k) / p(v)), e_k one-hot, of the document clusters that encoder
            ``spectral`` starts from.
    """

    def __init__(
        self,
        context: Context,
        *,
        hidden: Sequence[int] = (500,),
        activation: str = "relu",
        dropout: float = 0.0,
        likelihood: str = "multinomial",
        frequency_bias: bool = True,
        start: str = "random",
    ) -> None:
        super().__init__(context)
        hidden = widths(_WHERE, "hidden", hidden)
        one_of(_WHERE, "likelihood", likelihood, LIKELIHOODS)
        self.hidden = Mlp(
            (context.n_topics, *hidden),
            find_activation(_WHERE, activation),
            share(_WHERE, "dropout", dropout),
        )
        width = hidden[-1] if hidden else context.n_topics
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(context.vocab_size, width)))
        self.bias = nn.Parameter(torch.zeros(context.vocab_size))
        self.likelihood = likelihood
        self.frequency_bias = frequency_bias
        self.start_from = one_of(_WHERE, "start", start, STARTS)

    def start(self) -> None:
        """Start at the clusters' words, or the bias at the log word frequencies, by the options."""
        if self.start_from == "clusters":
            words, alone = log_cluster_words(self.context)
            training = self.training
            self.eval()  # without dropout
            with torch.no_grad():
                h = self.hidden(torch.eye(self.context.n_topics))
                self.weight.copy_((torch.linalg.pinv(h) @ (words - alone[:, None]).T).T)
                self.bias.copy_(alone)
            self.train(training)
        elif self.frequency_bias:
            start_at_log_frequency(self.bias, self.context.word_frequency)

    def log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,) under the chosen likelihood."""
        h: Tensor = self.hidden(theta)
        if self.likelihood == "multinomial":
            return -ops.product_multinomial_nll(
                batch.crow, batch.col, batch.count, h, self.weight, self.bias
            )
        row = batch.row
        entry = (h[row] * self.weight[batch.col]).sum(-1) + self.bias[batch.col]
        present = h.new_zeros(batch.n_documents).index_add(0, row, entry)
        total = h.new_zeros(batch.n_documents)
        for start in range(0, self.weight.shape[0], _TILE):
            tile = slice(start, start + _TILE)
            total = total + cast(
                Tensor,
                checkpoint(
                    _softplus_sum, h, self.weight[tile], self.bias[tile], use_reentrant=False
                ),
            )
        return present - total

    def word_log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,) of the multinomial; Bernoulli means are normalised to sum to one, as topics are."""
        if self.likelihood == "multinomial":
            return self.log_likelihood(theta, batch)
        h: Tensor = self.hidden(theta)
        row = batch.row
        entry = F.logsigmoid((h[row] * self.weight[batch.col]).sum(-1) + self.bias[batch.col])
        present = h.new_zeros(batch.n_documents).index_add(0, row, entry * batch.count)
        tiles = [
            torch.sigmoid(
                h @ self.weight[start : start + _TILE].T + self.bias[start : start + _TILE]
            ).sum(-1)
            for start in range(0, self.weight.shape[0], _TILE)
        ]
        return present - batch.lengths() * torch.stack(tiles).sum(0).log()

    def topic_word(self, theta: Tensor) -> Tensor:
        """(R, V): softmax of the logits, or Bernoulli means normalised to sum to one."""
        logits = self.hidden(theta) @ self.weight.T + self.bias
        if self.likelihood == "multinomial":
            return torch.softmax(logits, -1)
        mean = torch.sigmoid(logits)
        return mean / mean.sum(-1, keepdim=True)


def _softplus_sum(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.softplus(h @ weight.T + bias).sum(-1)
