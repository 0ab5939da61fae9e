"""MLP encoder with a diagonal-Gaussian posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch

from topicforge.contracts import Batch, Context, Encoder, Latent
from topicforge.contracts.options import is_number, require
from topicforge.distributions import DiagonalNormal
from topicforge.parts.encoders.trunk import Trunk
from topicforge.parts.layers import Head

#: |log variance| stays below this, so that exp of it is finite whatever the network gives
LOG_VAR_BOUND = 20.0


class MlpEncoder(Encoder):
    """q(z | x) = N(mu(x), diag(sigma2(x))) (Kingma and Welling 2014, appendix C.2).

    mu and log sigma2 are dense heads on an MLP; log sigma2 = 20 tanh(raw / 20) is bounded, since an
    unbounded one overflows after autoencoder pretraining, and its head may start at zero.

    Args:
        context: sizes.
        hidden: widths of the hidden layers.
        activation: function after each layer: relu, softplus, tanh or gelu.
        dropout: share of the units that are dropped before the heads in training, in [0, 1).
        input: what the first layer reads: counts, normalized (x / sum x), log1p or
            log1p-normalized.
        word_dropout: share of a document's words that are hidden from the encoder in training,
            in [0, 1).
        batch_norm: normalise mu and log sigma2 over the batch: False, True (``bias``: learned, scale
            fixed at 1, as ProdLDA does, Srivastava and Sutton 2017), ``affine`` (both learned) or
            ``plain`` (neither).
        log_var_start: value of log sigma2 at the start, with its weights at zero; ``None`` leaves the
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
        batch_norm: bool | str = False,
        log_var_start: float | None = 0.0,
    ) -> None:
        super().__init__(context)
        where = "encoder 'mlp'"
        self.trunk = Trunk(
            where, context.vocab_size, hidden, activation, dropout, input, word_dropout
        )
        n_latent = context.n_latent
        self.loc = Head(where, self.trunk.width, n_latent, batch_norm=batch_norm)
        self.log_var = Head(where, self.trunk.width, n_latent, batch_norm=batch_norm)
        if log_var_start is not None:
            share = log_var_start / LOG_VAR_BOUND if is_number(log_var_start) else math.nan
            must = f"None or a number between -{LOG_VAR_BOUND:g} and {LOG_VAR_BOUND:g}"
            require(-1 < share < 1, where, "log_var_start", must, log_var_start)
            self.log_var.start_at(LOG_VAR_BOUND * math.atanh(share))

    def forward(self, batch: Batch) -> DiagonalNormal:
        """Return q(z | x) of (B,) documents."""
        h = self.trunk(batch)
        log_var = LOG_VAR_BOUND * torch.tanh(self.log_var(h) / LOG_VAR_BOUND)
        return DiagonalNormal(self.loc(h), log_var)
