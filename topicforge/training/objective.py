"""What a step minimises: one module from a batch to the loss, for data parallel engines and compilers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from topicforge import distributed
from topicforge.contracts import Batch, Progress
from topicforge.errors import PluginError
from topicforge.training.options import TrainingOptions
from topicforge.training.regularisers import Regularisers
from topicforge.wiring.network import Network, Terms


class Objective(nn.Module):
    """loss = scale * mean(reconstruction) + weight * D(mean divergence) + sum of penalties.

    Means are over the batch of all processes, so every process has the same loss, and the average
    of the processes' gradients is its gradient (:mod:`topicforge.distributed`).

    Args:
        network: the model.
        options: precision, weight of the divergence, scale of the reconstruction.
        rules: regularisers in force.
        device: of the batches.
    """

    _run: Callable[..., Terms]

    def __init__(
        self, network: Network, options: TrainingOptions, rules: Regularisers, device: torch.device
    ) -> None:
        super().__init__()
        self.network = network
        self._options = options
        self._rules = rules
        self._device = device
        # lengths differ from batch to batch, and so does the number of entries
        compiled = torch.compile(network, dynamic=True) if options.compile else network
        # not as a module: its parameters would count twice
        self.__dict__["_run"] = compiled
        self._hooks = {"latent": rules.hook("latent"), "theta": rules.hook("theta")}
        facts = network.context
        self._scale = (
            1 / (max(facts.mean_length, 1.0) * math.log(max(facts.vocab_size, 2)))
            if options.reconstruction_scale == "length"
            else 1.0
        )

    def weight(self, now: Progress) -> float:
        """Weight of the divergence at this step."""
        return self._options.divergence_weight * self._rules.divergence_weight(now)

    def forward(
        self, batch: Batch, now: Progress, phase: str = "train"
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Return the loss, its terms, and which topic is each document's largest, (B,).

        Args:
            batch: own documents.
            now: where schedules are.
            phase: ``train``, or ``pretrain`` for the reconstruction alone.
        """
        half = self._options.precision == "bfloat16"
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=half):
            if phase == "train":
                # noise belongs to training, not to the loss of held-out documents
                terms = self._run(batch, **(self._hooks if self.network.training else {}))
            else:
                terms = self.network.autoencode(batch)
        self._check(terms)
        if terms.divergence.ndim:
            both = [terms.reconstruction, terms.divergence]
            reconstruction, divergence = distributed.means(both)
        else:
            reconstruction, divergence = distributed.mean(terms.reconstruction), terms.divergence
        weight = self.weight(now) if phase == "train" else 0.0
        loss = self._scale * reconstruction + weight * self._rules.divergence(divergence)
        penalties = dict(terms.penalties)
        if phase == "train":
            penalties.update(self._rules.penalties(self.network, now))
        for penalty in penalties.values():
            loss = loss + penalty
        values = {"loss": loss, "reconstruction": reconstruction, "divergence": divergence}
        detached = {name: value.detach() for name, value in {**values, **penalties}.items()}
        return loss, detached, terms.log_theta.argmax(1)

    def _check(self, terms: Terms) -> None:
        rule, divergence = self.network.rule, terms.divergence
        expected = terms.reconstruction.shape
        if rule.per_document and divergence.ndim == 1 and divergence.shape != expected:
            raise PluginError(
                f"divergence rule {rule.summary!r}: must give one number a document, "
                f"{tuple(expected)}, but gave {tuple(divergence.shape)}"
            )
