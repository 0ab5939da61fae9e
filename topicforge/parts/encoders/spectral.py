"""An encoder without hidden layers, started from word vectors and clusters of the corpus."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topicforge import ops
from topicforge.contracts import Batch, Context, Encoder, Latent
from topicforge.contracts.options import is_number, positive, require, share, whole
from topicforge.contracts.start import WIDTH, bounded_width
from topicforge.distributions import DiagonalNormal
from topicforge.errors import InputError
from topicforge.parts.layers import Dropout

_WHERE = "encoder 'spectral'"
#: |log variance| at the start stays below this, so that its exp is a usable float32
LOG_VAR_BOUND = 20.0


class SpectralEncoder(Encoder):
    """q(z | x) = N(A h + b, diag(exp(B h + c))), h = f / |f|, f = sum_v log(1 + x_v) idf_v w_v.

    The word vectors w start at the corpus' own (whitened positive PMI) and the rows of A at
    ``sharpness`` times the centres of k-means on h, so that training begins where theta already
    separates the documents; everything is trained. A random start of the same network leaves a
    third of the topics unused (:meth:`topicforge.contracts.StartData.clusters`).

    Args:
        context: sizes, and training documents.
        width: width of the word vectors; at most V / 25, so that a small vocabulary isn't memorised.
        sharpness: length of the rows of A at the start; larger makes theta sparser.
        word_dropout: share of a document's words that are hidden from the encoder in training,
            in [0, 1).
        log_var_start: value of log sigma2 at the start, with its weights at zero.
    """

    latent: ClassVar[Latent] = Latent(DiagonalNormal)
    idf: Tensor

    def __init__(
        self,
        context: Context,
        *,
        width: int = WIDTH,
        sharpness: float = 10.0,
        word_dropout: float = 0.5,
        log_var_start: float = -2.0,
    ) -> None:
        super().__init__(context)
        width = bounded_width(context.vocab_size, whole(_WHERE, "width", width))
        self.sharpness = positive(_WHERE, "sharpness", sharpness)
        bounded = is_number(log_var_start) and abs(log_var_start) < LOG_VAR_BOUND
        must = f"a number between -{LOG_VAR_BOUND:g} and {LOG_VAR_BOUND:g}"
        require(bounded, _WHERE, "log_var_start", must, log_var_start)
        self.word_dropout = Dropout(share(_WHERE, "word_dropout", word_dropout), entries=True)
        self.word = nn.Parameter(torch.randn(context.vocab_size, width))
        self.register_buffer("idf", torch.ones(context.vocab_size))
        self.loc = nn.Linear(width, context.n_latent)
        self.log_var = nn.Linear(width, context.n_latent)
        nn.init.zeros_(self.loc.bias)
        nn.init.zeros_(self.log_var.weight)
        nn.init.constant_(self.log_var.bias, log_var_start)

    def start(self) -> None:
        """Take word vectors and centres from the training documents.

        Topics are centres one to one, so this start needs L = K; with another L only the word
        vectors are taken.
        """
        found = self.context.start_data.clusters(self.context.n_topics, self.word.shape[1])
        with torch.no_grad():
            self.word.copy_(torch.from_numpy(found.vectors))
            self.idf.copy_(torch.from_numpy(found.idf))
            if self.context.n_latent == self.context.n_topics:
                self.loc.weight.copy_(self.sharpness * torch.from_numpy(found.centres))

    def word_topic_vectors(self) -> tuple[Tensor, Tensor] | None:
        """Word vectors w and the rows of A, where these are one per topic."""
        if self.context.n_latent != self.context.n_topics:
            return None
        return self.word, self.loc.weight

    def forward(self, batch: Batch) -> DiagonalNormal:
        """Return q(z | x) of (B,) documents."""
        if batch.vocab_size != self.context.vocab_size:
            raise InputError(
                f"{_WHERE}: a batch must have the vocabulary it was built for, "
                f"{self.context.vocab_size} words, got {batch.vocab_size}; count with the same words"
            )
        value = self.word_dropout(batch.count.log1p() * self.idf[batch.col])
        zero = self.word.new_zeros(self.word.shape[1])
        f = ops.sparse_linear(batch.crow, batch.col, value, self.word, zero)
        h = F.normalize(f, dim=1, eps=1e-6)
        return DiagonalNormal(self.loc(h), self.log_var(h))

    def saved_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """The width that was taken."""
        return {**options, "width": self.word.shape[1]}
