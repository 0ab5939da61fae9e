"""From a loss to new parameters: the optimiser, gradients over processes, the parts that move."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from inspect import signature
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from topicforge import distributed
from topicforge.contracts import Progress
from topicforge.contracts.word_layer import WordLayer
from topicforge.errors import TrainingError
from topicforge.ops import implementation
from topicforge.training.adam import RowAdam
from topicforge.training.objective import Objective
from topicforge.training.options import TrainingOptions
from topicforge.training.processes import Processes
from topicforge.training.regularisers import Regularisers
from topicforge.wiring.network import Network

#: newer torch has another word for it and warns of the old one
_NO_BROADCAST: dict[str, Any] = {
    "forward_sync_buffers"
    if "forward_sync_buffers" in signature(DistributedDataParallel).parameters
    else "broadcast_buffers": False
}
_PARTS = ("encoder", "link", "prior", "decoder")
#: loss, its terms by name, each document's largest topic
Loss = tuple[Tensor, dict[str, Tensor], Tensor]


class Optimisation:
    """Takes losses backwards and steps the parameters; in one process or several.

    Args:
        network: on ``device``.
        options: optimiser, precision, accumulation, compilation.
        regularisers: in force.
        device: of the batches.
        processes: that train together.

    Attributes:
        loss: batch, progress, phase -> :data:`Loss`, to train on.
        plain_loss: the same for documents that nothing is learned from.
        form: how the optimiser treats the rows of words that a batch lacks, and why.
        between_steps: no gradient is kept for batches to come: the moment for a checkpoint.
    """

    loss: Callable[..., Loss]
    optimiser: torch.optim.Optimizer

    def __init__(
        self,
        network: Network,
        options: TrainingOptions,
        regularisers: Regularisers,
        device: torch.device,
        processes: Processes,
    ) -> None:
        self._network = network
        self._options = options
        self._regularisers = regularisers
        self._device = device
        self._processes = processes
        self._trainable = [p for p in network.parameters() if p.requires_grad]
        self._moving: tuple[bool, ...] | None = None
        self.plain_loss = Objective(network, options, regularisers, device)
        self.loss = self.plain_loss
        self.between_steps = True
        self.restart(options.learning_rate)

    @property
    def rate(self) -> float:
        """Learning rate in force."""
        return float(self.optimiser.param_groups[0]["lr"])

    def set_rate(self, rate: float) -> None:
        """Set the learning rate."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def weight(self, now: Progress) -> float:
        """Weight of the divergence at a step."""
        return self.plain_loss.weight(now)

    def restart(self, rate: float) -> None:
        """Begin with a fresh optimiser.

        Args:
            rate: learning rate.
        """
        options = self._options
        settings: dict[str, Any] = {
            "lr": rate,
            "betas": (float(options.beta1), 0.999),
            "eps": options.eps,
            "weight_decay": options.weight_decay,
            "fused": self._device.type in ("cpu", "cuda"),
        }
        before = getattr(self, "optimiser", None)
        if isinstance(before, RowAdam):
            before.release()
        layers = [m for m in self._network.modules() if isinstance(m, WordLayer)]
        dense = self._why_dense(layers)
        if dense is None:
            self.form = (
                "by rows: a step moves the words of its batch, and the others when they next occur"
            )
            self.optimiser = RowAdam(self._trainable, layers, **settings)
        else:
            self.form = f"dense: {dense}"
            self.optimiser = torch.optim.Adam(self._trainable, **settings)

    def _why_dense(self, layers: list[WordLayer]) -> str | None:
        """Why a step moves all words; ``None`` where it had better move those of its batch alone."""
        options, sizes = self._options, self._network.context
        words = options.batch_size * sizes.mean_length
        reasons = {
            "the encoder has no layer with a row per word": not layers,
            f"a batch of some {words:,.0f} words can have most of the {sizes.vocab_size:,} of the "
            "vocabulary": sizes.vocab_size <= words,
            f"the device is {self._device.type}": self._device.type != "cpu",
            "several processes train together": not self._processes.alone,
            "the network is compiled": options.compile,
            "the gradient is clipped as a whole": bool(options.gradient_clip),
            "a regulariser has a penalty that may read all weights": self._regularisers.penalise,
            "there is no native library": "native" not in implementation("cpu"),
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    def begin_epoch(self, phase: str, now: Progress) -> None:
        """Let the parts move that an epoch moves.

        Raises:
            TrainingError: the regularisers together let nothing move.
        """
        moving = tuple(phase != "train" or self._regularisers.trains(p, now) for p in _PARTS)
        if isinstance(self.optimiser, RowAdam):
            self.optimiser.begin()
        if moving == self._moving:
            return
        trainable = {id(p) for p in self._trainable}
        own = {
            part: [p for p in getattr(self._network, part).parameters() if id(p) in trainable]
            for part in _PARTS
        }
        if not any(own[part] for part, moves in zip(_PARTS, moving, strict=True) if moves):
            raise TrainingError(
                f"TopicModel.fit: in epoch {int(now.epoch) + 1} something must move, but the regularisers "
                f"{', '.join(self._regularisers.names())} together hold every part that has parameters; "
                "leave one of them out"
            )
        self._moving = moving
        for part, moves in zip(_PARTS, moving, strict=True):
            for parameter in own[part]:
                parameter.requires_grad_(moves)
                # a gradient left from its last turn would go on moving it
                parameter.grad = None
        self.loss = self._data_parallel()

    def end_epoch(self) -> None:
        """Make all weights those of the last step."""
        if isinstance(self.optimiser, RowAdam):
            self.optimiser.settle()

    def release(self) -> None:
        """Let go of what belongs to training, until training goes on.

        Data parallel training holds the processes' group, whose threads have to end before the
        interpreter does.
        """
        self.loss = self.plain_loss
        self._moving = None
        if isinstance(self.optimiser, RowAdam):
            self.optimiser.release()

    def step(self, loss: Tensor, number: int, *, last: bool) -> None:
        """Backwards, and one step of the optimiser once enough batches were seen.

        Args:
            loss: of this batch.
            number: of the batch in its epoch.
            last: no further batch follows in this epoch.
        """
        options = self._options
        if options.accumulate > 1:
            loss = loss / options.accumulate
        steps = last or (number + 1) % options.accumulate == 0
        # gradients are averaged once per step, not once per batch
        parallel = self.loss if isinstance(self.loss, DistributedDataParallel) else None
        with (
            nullcontext() if parallel is None else distributed.peers_alive("gradients"),
            nullcontext() if parallel is None or steps else parallel.no_sync(),
        ):
            loss.backward()  # type: ignore[no-untyped-call]
        self.between_steps = steps
        if not steps:
            return
        if options.gradient_clip:
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), options.gradient_clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def _data_parallel(self) -> Callable[..., Loss]:
        if self._processes.alone:
            return self.plain_loss
        return DistributedDataParallel(
            self.plain_loss,
            # batch statistics are those of all processes already
            **_NO_BROADCAST,
            # else every gradient is copied once more
            gradient_as_bucket_view=True,
            # autoencoder pretraining leaves the prior out, a divergence of weight 0 its own
            find_unused_parameters=True,
        )
