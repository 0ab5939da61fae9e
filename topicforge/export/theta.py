"""The part of a network that makes theta, as one module of tensors in and out."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from topicforge.contracts import Batch
from topicforge.wiring.network import Network


class Theta(nn.Module):
    """Counts in compressed sparse rows -> theta (B, K), as ``TopicModel.transform`` gives it.

    A document without words gets the prior's mean, unless the model reads features.

    Args:
        network: trained; it is copied to the CPU, without the decoder, which theta does not need.
        members: the fitted topics that each topic consists of, after edits; ``None`` without.
    """

    prior_theta: Tensor
    edit: Tensor | None

    def __init__(self, network: Network, members: Sequence[tuple[int, ...]] | None = None) -> None:
        super().__init__()
        edit = None
        if members is not None:
            edit = torch.zeros(network.context.n_topics, len(members))
            for k, group in enumerate(members):
                edit[list(group), k] = 1
        self.register_buffer("edit", edit)
        with torch.no_grad():
            self.register_buffer("prior_theta", network.prior_theta().float().cpu())
        self.network = deepcopy(network, {id(network.decoder): None}).cpu().eval()
        self.requires_grad_(False)
        # as numbers: a logarithm of another library is another variance in its last digit
        fixed = self.network.prior.distribution()
        self.network.prior.distribution = lambda: fixed  # type: ignore[method-assign]

    def forward(
        self, crow: Tensor, col: Tensor, count: Tensor, features: Tensor | None = None
    ) -> Tensor:
        """Return theta.

        Args:
            crow: (B + 1,) int64: document b holds entries crow[b] to crow[b + 1].
            col: (nnz,) int64 word numbers, each at most once per document.
            count: (nnz,) float32, > 0.
            features: (B, F) float32, for a model that reads them.
        """
        vocab_size = self.network.context.vocab_size
        theta = self.network.infer(Batch(crow, col, count, vocab_size, features))
        if features is None:
            theta = torch.where((crow.diff() == 0)[:, None], self.prior_theta, theta)
        if self.edit is None:
            return theta
        theta = theta @ self.edit
        total = theta.sum(1, keepdim=True)
        even = torch.full_like(theta, 1 / theta.shape[1])
        return torch.where(total > 0, theta / torch.where(total > 0, total, 1.0), even)
