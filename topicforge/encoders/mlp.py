"""MLP encoder with a diagonal-Gaussian posterior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from topicforge.contracts import Batch, Context, Encoder, Latent
from topicforge.distributions import DiagonalNormal
from topicforge.encoders.trunk import Trunk
from topicforge.layers import BatchNorm

#: |log variance| stays below this, so that exp of it is finite whatever the network says
LOG_VAR_BOUND = 20.0


class MlpEncoder(Encoder):
    """q(z | x) = N(mu(x), diag(sigma2(x))), survey eq. 7 and 16.

    mu and log sigma2 are dense heads on an MLP; log sigma2 = 20 tanh(raw / 20) is bounded, since an
    unbounded one overflows after autoencoder pretraining, and its head may start at zero.

    Args:
        context: sizes.
        hidden: widths of the layers.
        activation: relu, softplus, tanh or gelu.
        dropout: share of units dropped before the heads.
        input: what the first layer sees: counts, normalized (x / sum x), log1p or
            log1p-normalized.
        word_dropout: share of a document's words hidden from the encoder in training.
        batch_norm: normalise mu and log sigma2 over the batch (bias learned, scale fixed at 1), as
            ProdLDA does (Srivastava and Sutton 2017).
        log_var_start: start value of log sigma2 with its weights at zero; ``None`` leaves the
            head's random start.
    """

    latent: ClassVar[Latent] = Latent(DiagonalNormal)

    def __init__(
        self,
        context: Context,
        *,
        hidden: Sequence[int] = (500,),
        activation: str = "relu",
        dropout: float = 0.0,
        input: str = "log1p-normalized",  # noqa: A002 - the field's word for it
        word_dropout: float = 0.0,
        batch_norm: bool = False,
        log_var_start: float | None = 0.0,
    ) -> None:
        super().__init__(context)
        self.trunk = Trunk(
            "encoder 'mlp'", context.vocab_size, hidden, activation, dropout, input, word_dropout
        )
        n_latent = context.n_latent
        self.loc = nn.Linear(self.trunk.width, n_latent)
        self.log_var = nn.Linear(self.trunk.width, n_latent)
        if log_var_start is not None:
            nn.init.zeros_(self.log_var.weight)
            nn.init.constant_(self.log_var.bias, log_var_start)
        self.loc_norm = BatchNorm(n_latent) if batch_norm else nn.Identity()
        self.log_var_norm = BatchNorm(n_latent) if batch_norm else nn.Identity()

    def forward(self, batch: Batch) -> DiagonalNormal:
        """Return q(z | x) of (B,) documents."""
        h = self.trunk(batch)
        raw = self.log_var_norm(self.log_var(h))
        log_var = LOG_VAR_BOUND * torch.tanh(raw / LOG_VAR_BOUND)
        return DiagonalNormal(self.loc_norm(self.loc(h)), log_var)
