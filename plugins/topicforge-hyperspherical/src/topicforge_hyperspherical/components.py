"""Encoder, link and prior on the sphere."""

from __future__ import annotations

import math
from typing import Any

import torch
from topicforge.plugin import (
    Batch,
    Context,
    Encoder,
    Latent,
    Link,
    MixError,
    OptionError,
    Prior,
    ops,
)
from torch import Tensor, nn
from torch.nn import functional as F

from topicforge_hyperspherical.distribution import VonMisesFisher


def _number(where: str, name: str, value: Any, least: float, *, above: bool = False) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < least or (above and value == least):
        sign = ">" if above else ">="
        raise OptionError(f"{where}: {name} must be a number {sign} {least:g}, got {value!r}")
    return float(value)


def _wide(where: str, context: Context) -> None:
    if context.n_latent < 2:
        raise MixError(f"{where}: a sphere needs n_latent >= 2, got {context.n_latent}")


class VmfEncoder(Encoder):
    """q(z | x) = vMF(g / |g|, kappa), h = softplus(W log(1 + x) / |log(1 + x)| + b).

    g and kappa are dense heads on h, g normalised over the batch; kappa = 1 + softplus(raw).

    Args:
        context: sizes.
        hidden: width of h.
        kappa: fixed concentration, > 0; ``None`` learns one for each document.
        kappa_start: where a learned concentration starts, > 1.
        dropout: share of h dropped in training.

    Source: Davidson et al. 2018 (arXiv:1804.00891); Xu and Durrett 2018 (arXiv:1808.10805) fix
    kappa.
    """

    latent = Latent(VonMisesFisher)

    def __init__(
        self,
        context: Context,
        *,
        hidden: int = 200,
        kappa: float | None = None,
        kappa_start: float = 100.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(context)
        where = "encoder 'vmf'"
        _wide(where, context)
        if not isinstance(hidden, int) or isinstance(hidden, bool) or hidden < 1:
            raise OptionError(f"{where}: hidden must be a whole number >= 1, got {hidden!r}")
        if _number(where, "dropout", dropout, 0) >= 1:
            raise OptionError(f"{where}: dropout must be below 1, got {dropout!r}")
        self.fixed = None if kappa is None else _number(where, "kappa", kappa, 0, above=True)
        start = _number(where, "kappa_start", kappa_start, 1, above=True) - 1
        self.weight = nn.Parameter(torch.empty(context.vocab_size, hidden))
        nn.init.xavier_uniform_(self.weight)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.dropout = nn.Dropout(dropout)
        self.direction = nn.Linear(hidden, context.n_latent)
        self.norm = nn.BatchNorm1d(context.n_latent)
        if self.fixed is None:
            self.kappa = nn.Linear(hidden, 1)
            nn.init.zeros_(self.kappa.weight)
            # softplus(raw) = start
            nn.init.constant_(self.kappa.bias, start + math.log(-math.expm1(-start)))

    def forward(self, batch: Batch) -> VonMisesFisher:
        """Return q(z | x) of (B,) documents."""
        value = batch.count.log1p()
        squares = value.new_zeros(batch.n_documents).index_add(0, batch.row, value.square())
        value = value * squares.rsqrt()[batch.row]
        h = ops.sparse_linear(batch.crow, batch.col, value, self.weight, self.bias)
        h = self.dropout(F.softplus(h))
        raw = self.direction(h)
        # one document has no spread over its batch to be divided by
        if self.training and batch.n_documents < 2:
            norm = self.norm
            raw = F.batch_norm(raw, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        else:
            raw = self.norm(raw)
        direction = F.normalize(raw, dim=-1)
        if self.fixed is not None:
            return VonMisesFisher(direction, direction.new_full((batch.n_documents,), self.fixed))
        return VonMisesFisher(direction, 1 + F.softplus(self.kappa(h)).squeeze(-1))


class SphereSoftmaxLink(Link):
    """Theta = softmax(scale z), L = K; on unit vectors shares differ by exp(2 scale) at most.

    Args:
        context: sizes.
        scale: > 0.
    """

    def __init__(self, context: Context, *, scale: float = 20.0) -> None:
        super().__init__(context)
        self.scale = _number("link 'sphere-softmax'", "scale", scale, 0, above=True)
        if context.n_latent != context.n_topics:
            raise MixError(
                "link 'sphere-softmax': the latent must be as wide as there are topics, got "
                f"n_latent={context.n_latent} and n_topics={context.n_topics}; leave n_latent out"
            )

    def forward(self, z: Tensor) -> Tensor:
        """Log softmax(scale z), (B, K)."""
        return torch.log_softmax(self.scale * z, -1)


class VmfPrior(Prior):
    """p(z) = vMF((1, ..., 1) / sqrt(L), kappa); kappa = 0 is uniform on the sphere.

    Args:
        context: sizes.
        kappa: >= 0.
    """

    latent = Latent(VonMisesFisher, trainable=False)
    direction: Tensor
    kappa: Tensor

    def __init__(self, context: Context, *, kappa: float = 0.0) -> None:
        super().__init__(context)
        _wide("prior 'vmf'", context)
        value = _number("prior 'vmf'", "kappa", kappa, 0)
        n = context.n_latent
        self.register_buffer("direction", torch.full((n,), n**-0.5))
        self.register_buffer("kappa", torch.tensor(value))

    def distribution(self) -> VonMisesFisher:
        """VMF((1, ..., 1) / sqrt(L), kappa)."""
        return VonMisesFisher(self.direction, self.kappa)
