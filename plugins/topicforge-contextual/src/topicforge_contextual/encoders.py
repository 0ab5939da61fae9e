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


class NeighboursEncoder(ContextualEncoder):
    """q(z | e) = N(A h + b, exp(c)), h the mean vector of the training documents nearest to e, of length 1.

        h = unit(sum of s_n over the ``neighbours`` n with the largest e . u_n),  u_n = unit(e_n),
        s_n = u_n, replaced ``rounds`` - 1 times by unit(sum of s over the neighbours of u_n)

    The rows of A start at ``sharpness`` times the centres of k-means on the training documents' own h, and
    the words of these clusters are what decoder ``mixture`` with ``start="clusters"`` starts from. A short
    text says little by itself, and its neighbours say what such texts are about: k-means on h instead of e
    takes nmi from .474 to .500 on m10 and from .347 to .384 on AG News (50 clusters). The model holds u and
    s of at most ``known`` training documents.

    Args:
        context: sizes, with ``n_features`` > 0, and training documents.
        neighbours: documents that are averaged.
        rounds: how often.
        known: training documents that are kept, evenly spaced.
        sharpness: length of the rows of A at the start; larger makes theta sparser.
        dropout: share of the numbers of h that are dropped in training, in [0, 1).
        log_var_start: c at the start, for all topics.

    Raises:
        InputError: there are no features.
        OptionError: an option is out of its domain.
    """

    where: ClassVar[str] = "encoder 'neighbours'"
    known: Tensor
    smooth: Tensor

    def __init__(
        self,
        context: Context,
        *,
        neighbours: int = 20,
        rounds: int = 5,
        known: int = 10_000,
        sharpness: float = 20.0,
        dropout: float = 0.2,
        log_var_start: float = -2.0,
    ) -> None:
        Encoder.__init__(self, context)
        self.neighbours = options.whole(self.where, "neighbours", neighbours)
        self.rounds = options.whole(self.where, "rounds", rounds)
        known = options.whole(self.where, "known", known)
        self.sharpness = options.positive(self.where, "sharpness", sharpness)
        self.dropout = nn.Dropout(options.share(self.where, "dropout", dropout))
        bound = options.between(
            self.where, "log_var_start", log_var_start, -LOG_VAR_BOUND, LOG_VAR_BOUND
        )
        self.loc = nn.Linear(context.n_features, context.n_latent)
        nn.init.zeros_(self.loc.bias)
        self.log_var = nn.Parameter(torch.full((context.n_latent,), bound))
        start = torch.randn(known, context.n_features)
        self.register_buffer("known", F.normalize(start))
        self.register_buffer("smooth", F.normalize(start))

    def start(self) -> None:
        """Keep training documents, and take the centres of their clusters."""
        data = self.context.start_data
        own = F.normalize(torch.from_numpy(data.features))
        smooth = own
        for _ in range(self.rounds - 1):
            smooth = self._mean_of_nearest(own, own, smooth)
        found = data.clusters(
            self.context.n_topics, of=self._mean_of_nearest(own, own, smooth).numpy()
        )
        step = -(-len(own) // len(self.known))
        self.known, self.smooth = own[::step].clone(), smooth[::step].clone()
        if self.context.n_latent == self.context.n_topics:
            with torch.no_grad():
                self.loc.weight.copy_(self.sharpness * torch.from_numpy(found.centres))

    def forward(self, batch: Batch) -> DiagonalNormal:
        """Return q(z | e) of (B,) documents."""
        e = F.normalize(self.read(batch))
        loc = self.loc(self.dropout(self._mean_of_nearest(e, self.known, self.smooth)))
        return DiagonalNormal(loc, self.log_var.expand_as(loc))

    def saved_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """The number of documents that are kept."""
        return {**options, "known": len(self.known)}

    def _mean_of_nearest(self, e: Tensor, known: Tensor, smooth: Tensor) -> Tensor:
        """(B, F) unit(sum of the smooth vectors of the known documents nearest to e)."""
        some = min(self.neighbours, len(known))
        # a part at a time: (B, known) numbers
        return torch.cat(
            [
                F.normalize(smooth[(part @ known.T).topk(some).indices].sum(1))
                for part in e.split(1024)
            ]
        )
