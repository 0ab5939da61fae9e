"""Embedding clustering as a rule of training, for decoders with word and topic vectors."""

from __future__ import annotations

from typing import Any

import torch
from topicforge.plugin import MixError, Progress, Regulariser, options
from torch import Tensor

from topicforge_ecr.clustering import clustering, distances

_WHERE = "regulariser 'embedding-clustering'"


class EmbeddingClustering(Regulariser):
    """weight * min_P <P, C> + e KL(P || 1/V 1/K), C_vk = |rho_v - alpha_k|^2 / mean C.

    The regulariser of ECRTM on the decoder ``embedding``: every topic vector becomes the centre of
    words of its own, so that no two topics share one place. C is divided by its mean (as it is at that
    step, without a gradient), since ETM's vectors have no fixed length.

    Args:
        weight: in nats a document, > 0.
        epsilon: e, in units of the mean of C.
        iterations: the most Sinkhorn sweeps a step.

    Raises:
        OptionError: an option outside its domain.

    Source: Wu et al. 2023 (arXiv:2306.04217), eq. 4 to 6.
    """

    def __init__(
        self, *, weight: float = 20.0, epsilon: float = 0.01, iterations: int = 100
    ) -> None:
        self.weight = options.positive(_WHERE, "weight", weight)
        self.epsilon = options.between(_WHERE, "epsilon", epsilon, 1e-4, 1e4)
        self.iterations = options.whole(_WHERE, "iterations", iterations)

    def start(self, network: Any) -> None:
        """Look for the vectors.

        Raises:
            MixError: the decoder has no word and topic vectors.
        """
        if not all(hasattr(network.decoder, name) for name in ("rho", "alpha")):
            raise MixError(
                f"{_WHERE} needs a decoder with word vectors rho and topic vectors alpha, but "
                f"{type(network.decoder).__name__} has none; use decoder='embedding', or leave it out"
            )

    def penalty(self, network: Any, now: Progress) -> Tensor:
        """The weighted transport cost between words and topics."""
        del now
        rho, alpha = network.decoder.rho, network.decoder.alpha
        cost = distances(rho, alpha)
        cost = cost / cost.detach().mean().clamp_min(torch.finfo(cost.dtype).tiny)
        sizes = torch.full((alpha.shape[0],), 1 / alpha.shape[0])
        # begun anew at every step: potentials kept from the last one would be lost at a checkpoint
        return self.weight * clustering(cost, sizes, self.epsilon, self.iterations)[0]
