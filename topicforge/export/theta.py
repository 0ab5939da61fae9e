"""The part of a network that makes theta, as one module of tensors in and out."""

from __future__ import annotations

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
    """

    prior_theta: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
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
        if features is not None:
            return theta
        return torch.where((crow.diff() == 0)[:, None], self.prior_theta, theta)
