"""What a step minimises: one module from a batch to the loss, for data parallel training and compilers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from topicforge import distributed
from topicforge.contracts import Batch, Progress
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
        regularisers: in force.
        device: of the batches.
    """

    _run: Callable[..., Terms]

    def __init__(
        self,
        network: Network,
        options: TrainingOptions,
        regularisers: Regularisers,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.network = network
        self._options = options
        self._regularisers = regularisers
        self._device = device
        # lengths differ from batch to batch, and so does the number of entries
        compiled = torch.compile(network, dynamic=True) if options.compile else network
        # not as a module: its parameters would count twice
        self.__dict__["_run"] = compiled
        self._hooks = {name: regularisers.hook(name) for name in ("latent", "theta")}
        self._unchecked = {"pretrain", "train"}
        facts = network.context
        self._scale = (
            1 / (max(facts.mean_length, 1.0) * math.log(max(facts.vocab_size, 2)))
            if options.reconstruction_scale == "length"
            else 1.0
        )

    def weight(self, now: Progress) -> float:
        """Weight of the divergence at this step."""
        return self._options.divergence_weight * self._regularisers.divergence_weight(now)

    def forward(
        self, batch: Batch, now: Progress, phase: str = "train"
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Return the loss, its terms by name, and which topic is each document's largest, (B,).

        Args:
            batch: own documents.
            now: where schedules are.
            phase: ``train``, or ``pretrain`` for the reconstruction alone.

        Raises:
            PluginError: a part returned what it must not; its numbers are looked at in the first batch.
        """
        half = self._options.precision == "bfloat16"
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=half):
            if phase == "train":
                # noise belongs to training, not to the loss of held-out documents
                terms = self._run(batch, **(self._hooks if self.network.training else {}))
            else:
                terms = self.network.autoencode(batch)
        if phase in self._unchecked:
            self.network.check(batch, terms)
            self._unchecked.remove(phase)
        if terms.divergence.ndim:
            both = torch.stack([terms.reconstruction, terms.divergence], 1)
            reconstruction, divergence = distributed.batch_mean(both).unbind()
        else:
            reconstruction = distributed.batch_mean(terms.reconstruction)
            divergence = terms.divergence
        weight = self.weight(now) if phase == "train" else 0.0
        loss = self._scale * reconstruction + weight * self._regularisers.divergence(divergence)
        penalties = dict(terms.penalties)
        if phase == "train":
            penalties.update(self._regularisers.penalties(self.network, now))
        for penalty in penalties.values():
            loss = loss + penalty
        values = {"loss": loss, "reconstruction": reconstruction, "divergence": divergence}
        detached = {name: value.detach() for name, value in {**values, **penalties}.items()}
        return loss, detached, terms.log_theta.argmax(1)
