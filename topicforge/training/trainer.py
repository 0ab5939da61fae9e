"""The training loop; readable top to bottom in one sitting."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topicforge import distributed
from topicforge.contracts import EpochReport, FitStart, Progress
from topicforge.errors import StorageError, TrainingError
from topicforge.ops import implementation
from topicforge.training.batches import of_rows, to_batch
from topicforge.training.callbacks import Callbacks
from topicforge.training.checkpoint import Checkpoints
from topicforge.training.documents import Documents
from topicforge.training.named import Named
from topicforge.training.optimisation import Optimisation
from topicforge.training.options import TrainingOptions
from topicforge.training.order import n_batches, shuffled
from topicforge.training.processes import Processes
from topicforge.training.regularisers import Regularisers
from topicforge.training.schedules import learning_rate
from topicforge.training.seeding import RandomState
from topicforge.training.selection import Selection
from topicforge.training.state import EpochSums, TrainingState
from topicforge.wiring.network import Network

#: at most so many documents' latents start a prior: what fits in memory, whatever the corpus
_LATENTS = 1 << 17
_PHASES = ("pretrain", "train")
_log = logging.getLogger(__name__)


@cache
def _log_implementation(device: str) -> None:
    """Log once per process which operators run; a warning where a library is missing."""
    line = implementation(device)
    missing = "plain PyTorch" in line and "TOPICFORGE_NATIVE is 0" not in line
    _log.log(logging.WARNING if missing else logging.INFO, line)


def _keep_freed_memory() -> None:
    """Free one block of 31 MiB, after which glibc keeps freed blocks of up to that size for the next step.

    By its own rule glibc maps blocks anew each time until one of their size has been freed, and returns
    memory beyond twice that size; 32 MiB is the largest size that it adapts to. prodlda at V = 5,000 trains
    1.1 to 1.2 times as fast.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


class Trainer:
    """Trains a network; holds the optimiser, so that a later call goes on where this one ended.

    Where it stands is all in one :class:`~topicforge.training.state.TrainingState`, together with the
    parameters, the optimiser's moments and the random generators: a checkpoint keeps these, and a fit
    that goes on from one gives what an undisturbed one gives, bit for bit.

    Args:
        network: on ``device`` already.
        options: see :class:`TrainingOptions`.
        device: of the batches.
        regularisers: in force, with their names.
        callbacks: with their names, see :class:`~topicforge.contracts.Callback`.
        random: all that is drawn; its seed is that of the documents' order, of those held out, and of the
            prior's start.
        processes: that train together.
        checkpoints: where to keep them; ``None`` for none.
    """

    def __init__(
        self,
        network: Network,
        options: TrainingOptions,
        device: torch.device,
        regularisers: Sequence[Named],
        callbacks: Sequence[Named],
        random: RandomState,
        processes: Processes,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.network = network
        self.options = options
        self.device = device
        self.random = random
        self.seed = random.seed % 2**62
        self.regularisers = Regularisers(regularisers)
        self.state = TrainingState()
        self.processes = processes
        self.callbacks = Callbacks(callbacks, self.state.history)
        self._checkpoints = checkpoints
        self.regularisers.start(network)
        self.optimisation = Optimisation(network, options, self.regularisers, device, processes)

    @property
    def history(self) -> list[EpochReport]:
        """One report per finished epoch."""
        return self.state.history

    def fit(self, documents: Documents, start: FitStart) -> None:
        """Pretrain, start the prior from data where it wants that, then train all epochs.

        Empty documents are left out. Whatever ends it, the network is in a usable state afterwards.

        Args:
            documents: the corpus.
            start: what callbacks are told.

        Raises:
            TrainingError: a loss term is not finite, the prior's start failed, or too few documents.
            PluginError: a part returned what it must not.
            CheckpointError: the checkpoint can't be gone on from.
            StorageError: a checkpoint can't be written, or another process uses its folder.
            KeyboardInterrupt, CallbackError: passed on.
        """
        training, held_out = self._split(documents)
        if self.processes.rank == 0:
            _log_implementation(self.device.type)
        _keep_freed_memory()
        ending: BaseException | None = None
        held = nullcontext() if self._checkpoints is None else self._checkpoints.held()
        with held, self.random.active():
            if self._checkpoints is not None:
                self._checkpoints.resume(self)
            try:
                self.callbacks.fit_start(start)
                self._pretrain(documents, training)
                self._train(documents, training, held_out)
            except BaseException as error:
                ending = error
                raise
            finally:
                self.network.eval()
                self.optimisation.release()
                self.callbacks.fit_end(ending)

    def fit_more(self, documents: Documents) -> None:
        """One more epoch over these documents (``partial_fit``)."""
        training = Selection(documents.counts)
        with self.random.active():
            try:
                self._pretrain(documents, training)
                self._epoch(documents, training, None)
            finally:
                self.network.eval()
                self.optimisation.release()

    # ---- phases -------------------------------------------------------------------------

    def _pretrain(self, documents: Documents, training: Selection) -> None:
        state, options = self.state, self.options
        if state.phase != "pretrain":
            return
        if options.pretrain_epochs:
            if (state.epoch, state.step) == (0, 0):
                self.optimisation.restart(options.pretrain_learning_rate or options.learning_rate)
            stop = False
            while state.epoch < options.pretrain_epochs and not stop:
                stop = self._epoch(documents, training, None)
            self.optimisation.restart(options.learning_rate)
        if self.network.prior.starts_from_latents:
            self.network.prior.start_from_latents(self._latents(documents, training), self.seed)
        state.begin("train")

    def _train(self, documents: Documents, training: Selection, held_out: Selection) -> None:
        state, options = self.state, self.options
        stop = False
        while state.epoch < options.epochs and not stop:
            stop = self._epoch(documents, training, held_out)
            loss = self.history[-1].validation_loss
            # while the divergence's weight rises, the losses of two epochs don't compare
            rising = self.regularisers.rising(Progress(state.epoch - 1, options.epochs))
            if options.patience and loss is not None and not rising:
                stop = state.keep_best(loss, self.network) >= options.patience or stop
        if state.best:
            self.network.load_state_dict(state.best)

    def _epoch(self, documents: Documents, training: Selection, held_out: Selection | None) -> bool:
        """One pass, or what is left of it; returns True if a callback wants to stop."""
        state, options = self.state, self.options
        epochs = options.epochs if state.phase == "train" else options.pretrain_epochs
        steps = n_batches(len(training), options.batch_size)
        seed = (self.seed, _PHASES.index(state.phase), state.epoch)
        if state.step == 0:
            state.sums = EpochSums(self.network.context.n_topics)
        sums = state.sums
        began, seen_before, stop = time.perf_counter(), sums.documents, False
        interruption: KeyboardInterrupt | None = None
        now = Progress(state.epoch, epochs)
        self.network.train()
        self.optimisation.begin_epoch(state.phase, Progress(state.epoch, epochs))
        for rows in shuffled(training, options.batch_size, seed, skip=state.step):
            now = Progress(state.epoch + state.step / steps, epochs)
            if state.phase == "train":
                rate = learning_rate(options, now.epoch, options.learning_rate)
                self.optimisation.set_rate(rate)
            numbers, largest = self._step(documents, rows, now, last=state.step + 1 == steps)
            sums.add(len(rows), numbers, largest)
            state.step += 1
            try:
                stop = self.callbacks.step_end(state.step - 1, numbers) or stop
            except KeyboardInterrupt as interrupt:
                interruption = interrupt
            if state.step < steps:  # the last step ends the epoch too
                self._between_steps(stop, interruption)
        self.optimisation.end_epoch()
        seconds = time.perf_counter() - began
        means = sums.means()
        report = EpochReport(
            epoch=state.epoch + 1,
            epochs=epochs,
            phase=state.phase,
            loss=means.pop("loss"),
            reconstruction=means.pop("reconstruction"),
            divergence=means.pop("divergence"),
            divergence_weight=self.optimisation.weight(now) if state.phase == "train" else 0.0,
            active_topics=self._active(sums.largest),
            documents_per_second=(sums.documents - seen_before) / max(seconds, 1e-9),
            learning_rate=self.optimisation.rate,
            validation_loss=self._validation_loss(documents, held_out, now),
            penalties=means,
        )
        self.history.append(report)
        state.end_epoch()
        try:
            # callbacks run on process 0 alone, and all processes stop together
            stop = self.processes.any(self.callbacks.epoch_end(report) or stop, self.device)
        except KeyboardInterrupt as interrupt:
            interruption = interrupt
        self._between_steps(stop, interruption)
        return stop

    # ---- pieces -------------------------------------------------------------------------

    def _between_steps(self, stop: bool, interruption: KeyboardInterrupt | None) -> None:
        """Write a checkpoint if it is time; an interruption goes on from here, and makes it time."""
        if self._checkpoints is not None and not stop:
            try:
                self._checkpoints.maybe_save(self, at_once=interruption is not None)
            except StorageError as error:
                if interruption is None:
                    raise
                warnings.warn(str(error), UserWarning, stacklevel=2)  # the model can still be kept
        if interruption is not None:
            raise interruption

    def _step(
        self, documents: Documents, rows: NDArray[np.int64], now: Progress, *, last: bool
    ) -> tuple[dict[str, float], Tensor]:
        batch = to_batch(documents, self.processes.own(rows), self.device)
        with distributed.splitting(self.processes.split(batch)):
            loss, values, largest = self.optimisation.loss(batch, now, self.state.phase)
            numbers = self.processes.mean(values)
            bad = [name for name, value in numbers.items() if not math.isfinite(value)]
            if bad:
                raise TrainingError(
                    f"TopicModel.fit: {self.state.phase} epoch {self.state.epoch + 1}, step "
                    f"{self.state.step + 1}: every loss term must be finite, got "
                    f"{', '.join(f'{name} = {numbers[name]}' for name in bad)}; the first part that "
                    f"gives no finite number is {self.network.first_not_finite(batch)}. Lower "
                    "learning_rate, set optimiser__gradient_clip, or normalise the encoder's input. Whatever "
                    "was fitted before is kept"
                )
            self.optimisation.step(loss, self.state.step, last=last)
        return numbers, largest

    def _active(self, largest: Tensor) -> int:
        """Topics that are the largest of at least one document, over all processes."""
        return int((self.processes.sum(largest.to(self.device)) > 0).sum())

    def _split(self, documents: Documents) -> tuple[Selection, Selection]:
        fraction = self.options.validation_fraction
        training = Selection(documents.counts, fraction, self.seed)
        held_out = Selection(documents.counts, fraction, self.seed, held_out=True)
        if fraction and not (len(training) and len(held_out)):
            raise TrainingError(
                f"TopicModel.fit: training__validation_fraction={fraction} leaves {len(held_out)} held-out "
                f"documents and {len(training)} to train on; both must be at least 1"
            )
        return training, held_out

    @torch.no_grad()
    def _validation_loss(
        self, documents: Documents, held_out: Selection | None, now: Progress
    ) -> float | None:
        if held_out is None or not len(held_out):
            return None
        self.network.eval()
        total = 0.0
        for rows in held_out.batches(self.options.batch_size):
            batch = to_batch(documents, self.processes.own(rows), self.device)
            with distributed.splitting(self.processes.split(batch)):
                loss, _, _ = self.optimisation.plain_loss(batch, now)
            total += self.processes.mean({"loss": loss})["loss"] * len(rows)
        self.network.train()
        return total / len(held_out)

    @torch.no_grad()
    def _latents(self, documents: Documents, training: Selection) -> Tensor:
        """Posterior means of evenly spaced documents; the same on every process."""
        self.network.eval()
        rows = training.sample(_LATENTS)
        size = max(self.options.batch_size, 1024)
        chosen = (rows[start : start + size] for start in range(0, len(rows), size))
        means = [self.network.posterior(b).mean for b in of_rows(documents, chosen, self.device)]
        self.network.train()
        return torch.cat(means)
