"""Encoders over sentence embeddings, alone and joined with counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from topicforge.plugin import (
    Batch,
    Context,
    DiagonalNormal,
    Encoder,
    InputError,
    Latent,
    ops,
    options,
)
from torch import Tensor, nn
from torch.nn import functional as F

#: |log variance| stays below this, so that exp of it is finite whatever the network says
LOG_VAR_BOUND = 20.0


class BatchHead(nn.Module):
    """y = BN(W h + b): (B, width) -> (B, L), the scale of BN fixed at 1 as in ProdLDA.

    Fewer than two documents have no variance, so their batch takes the running statistics.
    """

    def __init__(self, width: int, n_latent: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, n_latent)
        self.norm = nn.BatchNorm1d(n_latent)
        self.norm.weight.requires_grad_(False)

    def forward(self, h: Tensor) -> Tensor:
        """Return (B, L)."""
        y: Tensor = self.linear(h)
        if self.training and len(y) < 2:
            norm = self.norm
            return F.batch_norm(
                y, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
            )
        normed: Tensor = self.norm(y)
        return normed


class ContextualEncoder(Encoder):
    """q(z | e) = N(mu(h), diag(sigma2(h))), h = MLP(e): embeddings alone (ZeroShotTM).

    Counts are never read, so a document of unknown words, or of another language where the
    embedding spans both, has a posterior like any other. log sigma2 = 20 tanh(raw / 20).

    Args:
        context: sizes, with ``n_features`` > 0.
        hidden: widths of the softplus layers.
        dropout: share of units dropped before the heads, in [0, 1).

    Raises:
        InputError: there are no features.
        OptionError: an option is out of its domain.

    Source: Bianchi et al. 2021, EACL, arXiv:2004.07737, section 2.
    """

    latent: ClassVar[Latent] = Latent(DiagonalNormal)
    reads_features: ClassVar[bool] = True
    where: ClassVar[str] = "encoder 'contextual'"

    def __init__(
        self, context: Context, *, hidden: Sequence[int] = (100, 100), dropout: float = 0.2
    ) -> None:
        super().__init__(context)
        widths = options.widths(self.where, "hidden", hidden, least=1)
        sizes = (self.width_in(context), *widths)
        layers: list[nn.Module] = []
        for before, after in zip(sizes, widths, strict=False):
            layers += [nn.Linear(before, after), nn.Softplus()]
        layers.append(nn.Dropout(options.share(self.where, "dropout", dropout)))
        self.body = nn.Sequential(*layers)
        self.loc = BatchHead(widths[-1], context.n_latent)
        self.log_var = BatchHead(widths[-1], context.n_latent)

    def width_in(self, context: Context) -> int:
        """Return the number of inputs of the first dense layer."""
        return context.n_features

    def read(self, batch: Batch) -> Tensor:
        """Return (B, width_in).

        Raises:
            InputError: the batch has another vocabulary or other features than the fit.
        """
        context = self.context
        came = 0 if batch.features is None else batch.features.shape[-1]
        if batch.features is None or came != context.n_features:
            raise InputError(
                f"{self.where}: features must have {context.n_features} columns, got {came}; hand "
                "in embeddings of the model that the fit had"
            )
        if batch.vocab_size != context.vocab_size:
            raise InputError(
                f"{self.where}: a batch must have vocab_size {context.vocab_size}, got "
                f"{batch.vocab_size}; count with the vocabulary of the fit"
            )
        return batch.features

    def forward(self, batch: Batch) -> DiagonalNormal:
        """Return q(z | e) of (B,) documents."""
        h = self.body(self.read(batch))
        log_var = LOG_VAR_BOUND * torch.tanh(self.log_var(h) / LOG_VAR_BOUND)
        return DiagonalNormal(self.loc(h), log_var)


class CombinedEncoder(ContextualEncoder):
    """q(z | x, e): h = MLP([softplus(U log(1 + x) + c), W e]) (CombinedTM).

    The paper projects e to V numbers beside the V counts; here both are projected to
    ``width`` numbers, the counts through a sparse layer.

    Args:
        context: sizes, with ``n_features`` > 0.
        hidden: widths of the softplus layers.
        dropout: share of units dropped before the heads, in [0, 1).
        width: numbers to which counts and embedding are each projected before they are joined.
        word_dropout: share of a document's words hidden from the encoder in training.

    Source: Bianchi et al. 2021, ACL, arXiv:2004.03974, section 3.
    """

    where: ClassVar[str] = "encoder 'combined'"

    def __init__(
        self,
        context: Context,
        *,
        hidden: Sequence[int] = (100, 100),
        dropout: float = 0.2,
        width: int = 100,
        word_dropout: float = 0.0,
    ) -> None:
        self._width = options.whole(self.where, "width", width)
        super().__init__(context, hidden=hidden, dropout=dropout)
        self.hide = nn.Dropout(options.share(self.where, "word_dropout", word_dropout))
        self.words = nn.Parameter(torch.empty(context.vocab_size, self._width))
        nn.init.xavier_uniform_(self.words)
        self.bias = nn.Parameter(torch.zeros(self._width))
        self.project = nn.Linear(context.n_features, self._width)

    def width_in(self, context: Context) -> int:
        """Return twice ``width``: counts and embedding side by side."""
        del context
        return 2 * self._width

    def read(self, batch: Batch) -> Tensor:
        """Return (B, 2 width): projected counts, projected embedding."""
        features = super().read(batch)  # first, since it refuses a batch of other widths
        value = self.hide(batch.count.log1p())
        counts: Any = ops.sparse_linear(batch.crow, batch.col, value, self.words, self.bias)
        return torch.cat([F.softplus(counts), self.project(features)], -1)
