"""The moving parts of a step: optimiser, gradients over processes, compiled network."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from topicforge import distributed
from topicforge.contracts import Batch, Progress
from topicforge.errors import OptionError, TrainingError
from topicforge.training.deferred_adam import DeferredAdam
from topicforge.training.lazy_adam import LazyAdam, clip_gradients
from topicforge.training.objective import Objective
from topicforge.training.options import TrainingOptions
from topicforge.training.processes import Processes
from topicforge.training.regularisers import Regularisers
from topicforge.training.shared_gradients import SharedGradients
from topicforge.wiring.network import Network

#: newer torch has another word for it and warns of the old one
_NO_BROADCAST: dict[str, Any] = {
    "forward_sync_buffers"
    if "forward_sync_buffers" in signature(DistributedDataParallel).parameters
    else "broadcast_buffers": False
}
#: optimisers that want the gradients of the words that occur
_BY_ROWS = {"lazy-adam": LazyAdam, "deferred-adam": DeferredAdam}
#: words a document of the batch from which on documents travel faster than the first layer's gradient,
#: as measured between two processes of one machine (benchmarks/scale/processes.py)
_WIDE = 25
_PARTS = ("encoder", "link", "prior", "decoder")


class Engine:
    """Steps a network; one process or many, plain or compiled.

    Args:
        network: on ``device``.
        options: optimiser, precision, accumulation, compilation.
        rules: regularisers in force.
        device: of the batches.
        processes: that train together.

    Raises:
        OptionError: options that can't go together.
    """

    def __init__(
        self,
        network: Network,
        options: TrainingOptions,
        rules: Regularisers,
        device: torch.device,
        processes: Processes,
    ) -> None:
        if options.optimiser in _BY_ROWS and options.compile:
            raise OptionError(
                f"TopicModel: optimiser={options.optimiser!r} needs the gradient of the words that "
                "occur, which no compiled network gives; set training__compile=False"
            )
        self._network = network
        self._options = options
        self._rules = rules
        self._device = device
        self._processes = processes
        self._plain = Objective(network, options, rules, device)
        self._trainable = [p for p in network.parameters() if p.requires_grad]
        self.objective: Callable[..., tuple[Tensor, dict[str, Tensor], Tensor]] = self._plain
        self.optimiser: torch.optim.Optimizer
        #: no gradient waits for batches to come: the moment for a checkpoint
        self.between_steps = True
        self._moving: tuple[bool, ...] | None = None
        self._gradients: SharedGradients | None = None
        self.restart(options.learning_rate)

    @property
    def rate(self) -> float:
        """Learning rate in force."""
        return float(self.optimiser.param_groups[0]["lr"])

    def set_rate(self, rate: float) -> None:
        """Set it."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def weight(self, now: Progress) -> float:
        """Weight of the divergence at a step."""
        return self._plain.weight(now)

    def plain(self, batch: Any, now: Progress) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """The loss without the engine: for documents that nothing is learned from."""
        result: tuple[Tensor, dict[str, Tensor], Tensor] = self._plain(batch, now)
        return result

    def restart(self, rate: float) -> None:
        """Begin with a fresh optimiser.

        Args:
            rate: learning rate.
        """
        options = self._options
        encoder, decoder = self._network.encoder, self._network.decoder
        asked, many = options.optimiser in _BY_ROWS, not self._processes.alone
        by_rows = asked or self._rows_pay()
        wide = self._network.context.vocab_size > _WIDE * options.batch_size
        self._shared = encoder.share_row_gradients(many and (wide or by_rows))
        able = [
            encoder.use_row_gradients(by_rows),
            # its normaliser reads every word in every step, and so nothing of it can be put off
            decoder.use_row_gradients(options.optimiser == "lazy-adam"),
        ]
        if many:
            self._check_rows_are_shared()
        if asked and not any(able):
            warnings.warn(
                f"TopicModel: optimiser={options.optimiser!r} is plain Adam here, because all gradients of "
                f"{type(encoder).__name__} and {type(decoder).__name__} are dense",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        kind: Callable[..., torch.optim.Optimizer]
        kind = _BY_ROWS.get(options.optimiser, torch.optim.Adam)
        if by_rows and not asked and able[0]:
            kind = partial(DeferredAdam, waits=False)
        self.optimiser = kind(
            self._trainable,
            lr=rate,
            betas=(options.beta1, 0.999),
            eps=options.eps,
            weight_decay=options.weight_decay,
            fused=self._device.type in ("cpu", "cuda"),
        )

    def _rows_pay(self) -> bool:
        """Whether plain Adam had better be given the rows of a batch's words: it has few of all words.

        The steps are the same to rounding and no row waits for its own; at V = 50,000 etm needs a fifth
        less memory (benchmarks/scale/against_topmost.py).
        """
        # importing an operator loads the library, which nobody but who trains needs
        from topicforge.ops._adam_catch_up import is_native

        facts = self._network.context
        return (
            facts.vocab_size > self._options.batch_size * facts.mean_length
            and self._processes.alone
            and not self._options.compile
            and not self._options.weight_decay
            and self._device.type == "cpu"
            and is_native("cpu")
        )

    def _check_rows_are_shared(self) -> None:
        for part in (self._network.encoder, self._network.decoder):
            for module in part.modules():
                if getattr(module, "row_sparse", False) and not hasattr(module, "row_shared"):
                    raise OptionError(
                        f"TopicModel: optimiser={self._options.optimiser!r} steps the rows of a batch's "
                        f"words, but {type(module).__name__} of {type(part).__name__} knows those of its "
                        f"own process alone, and {self._processes.count} train together; use "
                        "optimiser='adam'"
                    )

    def move(self, phase: str, epoch: int) -> None:
        """Let those parts move that an epoch moves.

        Raises:
            TrainingError: the rules together let nothing move.
        """
        moving = tuple(phase != "train" or self._rules.trains(part, epoch) for part in _PARTS)
        if moving == self._moving:
            return
        trainable = {id(p) for p in self._trainable}
        own = {
            part: [p for p in getattr(self._network, part).parameters() if id(p) in trainable]
            for part in _PARTS
        }
        if not any(own[part] for part, moves in zip(_PARTS, moving, strict=True) if moves):
            raise TrainingError(
                f"TopicModel.fit: in epoch {epoch + 1} something must move, but the regularisers "
                f"{', '.join(self._rules.names())} together hold every part that has parameters; leave "
                "one of them out"
            )
        self._moving = moving
        for part, moves in zip(_PARTS, moving, strict=True):
            for parameter in own[part]:
                parameter.requires_grad_(moves)
                # a gradient left from its last turn would go on moving it
                parameter.grad = None
        self.objective = self._wrapped()

    def release(self) -> None:
        """Let go of what averages gradients until somebody trains again.

        torch's data parallel engine holds the processes' group, whose threads have to end before the
        interpreter does.
        """
        self.objective, self._gradients = self._plain, None
        self._moving = None

    def reads(self, batch: Batch) -> None:
        """Make the weights of a batch's words those of this step."""
        if isinstance(self.optimiser, DeferredAdam) and self.optimiser.waits:
            self.optimiser.catch_up(batch.words()[0])

    def settle(self) -> None:
        """Make all weights those of this step."""
        if isinstance(self.optimiser, DeferredAdam) and self.optimiser.waits:
            self.optimiser.catch_up()

    def descend(self, loss: Tensor, step: int, *, last: bool) -> None:
        """Backwards, and one step of the optimiser once enough batches were seen.

        Args:
            loss: of this batch.
            step: number of the batch in its epoch.
            last: no further batch follows in this epoch.
        """
        options = self._options
        many = options.accumulate
        if many > 1:
            loss = loss / many
        steps = last or (step + 1) % many == 0
        # gradients travel once a step, not once a batch
        quiet = isinstance(self.objective, DistributedDataParallel) and not steps
        watched = nullcontext() if self._processes.alone else distributed.peers_alive("gradients")
        with watched, self.objective.no_sync() if quiet else nullcontext():  # type: ignore[attr-defined]
            loss.backward()  # type: ignore[no-untyped-call]
        self.between_steps = steps
        if not steps:
            return
        if self._gradients is not None:
            self._gradients.average(writable=bool(options.gradient_clip))
        if options.gradient_clip:
            clip_gradients(self._network.parameters(), options.gradient_clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def _wrapped(self) -> Callable[..., tuple[Tensor, dict[str, Tensor], Tensor]]:
        module: nn.Module = self._plain
        self._gradients = None
        shared = {id(p) for p in self._shared}
        averaged = [p for p in self._trainable if p.requires_grad and id(p) not in shared]
        if self._processes.alone or not averaged:
            return module
        self._gradients = SharedGradients.of_all(self._processes.board, averaged)
        # torch's engine sees to those that it knows
        for p in self._shared if self._gradients is None else module.state_dict().values():
            torch.distributed.broadcast(p.detach(), 0)
        if self._gradients is not None:
            return module
        names = [name for name, p in module.named_parameters() if id(p) in shared]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(module, names)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(
            module,
            # batch statistics are those of all processes already
            **_NO_BROADCAST,
            # else every gradient is copied once more
            gradient_as_bucket_view=True,
            # autoencoder pretraining leaves the prior out, a divergence of weight 0 its own
            find_unused_parameters=True,
        )
