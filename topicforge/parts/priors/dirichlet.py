"""The Dirichlet prior."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from topicforge.contracts import Context, Latent, Prior
from topicforge.contracts.options import positive
from topicforge.distributions import Dirichlet


class DirichletPrior(Prior):
    """p(theta) = Dir(concentration, ..., concentration), symmetric (Blei 2003; W-LDA, Nan 2019).

    Args:
        context: sizes.
        concentration: alpha of every topic, > 0; below 1 documents have few topics each.
    """

    latent: ClassVar[Latent] = Latent(Dirichlet, trainable=False)
    concentration: Tensor

    def __init__(self, context: Context, *, concentration: float = 0.1) -> None:
        super().__init__(context)
        value = positive("prior 'dirichlet'", "concentration", concentration)
        self.register_buffer("concentration", torch.full((context.n_topics,), value))

    def distribution(self) -> Dirichlet:
        """Dir(concentration)."""
        return Dirichlet(self.concentration)
