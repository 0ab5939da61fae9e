"""The training loop; readable top to bottom in one sitting."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topicforge import distributed
from topicforge.contracts import EpochReport, FitStart, Progress
from topicforge.errors import TrainingError
from topicforge.training.batches import of_rows, to_batch
from topicforge.training.checkpoint import Checkpoints
from topicforge.training.documents import Documents
from topicforge.training.engine import Engine
from topicforge.training.heap import freed_memory_stays
from topicforge.training.options import TrainingOptions
from topicforge.training.order import n_batches, shuffled
from topicforge.training.processes import Processes
from topicforge.training.regularisers import Regularisers
from topicforge.training.schedules import learning_rate
from topicforge.training.selection import Selection
from topicforge.training.state import State, Sums
from topicforge.training.watchers import Watcher, Watchers
from topicforge.wiring.network import Network

#: at most so many documents' latents start a prior: what fits in memory, whatever the corpus
_LATENTS = 1 << 17
_PHASES = ("pretrain", "train")


class Trainer:
    """Trains a network; holds the optimiser, so that a later call goes on where this one ended.

    Where it stands is all in one :class:`~topicforge.training.state.State`, together with the
    parameters, the optimiser's moments and the random generator: a checkpoint keeps these, and a fit
    that goes on from one gives what an undisturbed one gives, bit for bit.

    Args:
        network: on ``device`` already.
        options: see :class:`TrainingOptions`.
        device: where batches go.
        rules: regularisers in force.
        watchers: callbacks with their names, see :class:`~topicforge.contracts.Callback`.
        seed: of the documents' order, of those held out, and of the parts' own draws.
        processes: that train together.
        checkpoints: where to keep them; ``None`` for none.
    """

    def __init__(
        self,
        network: Network,
        options: TrainingOptions,
        device: torch.device,
        rules: Regularisers,
        watchers: Sequence[Watcher],
        seed: int,
        processes: Processes,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.network = network
        self.options = options
        self.device = device
        self.seed = seed % 2**62
        self.rules = rules
        self.state = State()
        self.processes = processes
        self.watchers = Watchers(watchers, self.state.history)
        self._checkpoints = checkpoints
        rules.start(network)
        self._engine = Engine(network, options, rules, device, self.processes)

    @property
    def history(self) -> list[EpochReport]:
        """One report a finished epoch."""
        return self.state.history

    @freed_memory_stays()
    def fit(self, documents: Documents, start: FitStart) -> None:
        """Pretrain, start the prior from data where it wants that, then train all epochs.

        Empty documents are left out.

        Args:
            documents: the corpus.
            start: told to the callbacks.

        Raises:
            TrainingError: a loss is not finite, or the prior's start failed.
            KeyboardInterrupt, CallbackError: passed on after the network is in a usable state.
        """
        training, held_out = self._split(documents)
        if self._checkpoints is not None:
            self._checkpoints.resume(self.network, self._engine, self.state, self.device)
        ending: BaseException | None = None
        with self.processes.together(self.device):
            try:
                self.watchers.fit_start(start)
                self._pretrain(documents, training)
                self._train(documents, training, held_out)
            except BaseException as error:
                ending = error
                raise
            finally:
                self.network.eval()
                self._engine.release()
                self.watchers.fit_end(ending)

    @freed_memory_stays()
    def fit_more(self, documents: Documents) -> None:
        """One more epoch over these documents (``partial_fit``)."""
        training = Selection(documents.counts)
        with self.processes.together(self.device):
            self._pretrain(documents, training)
            self._epoch(documents, training, None)
            self.network.eval()
            self._engine.release()

    # ---- phases -------------------------------------------------------------------------

    def _pretrain(self, documents: Documents, training: Selection) -> None:
        state, options = self.state, self.options
        if state.phase != "pretrain":
            return
        if options.pretrain_epochs:
            if (state.epoch, state.step) == (0, 0):
                self._engine.restart(options.pretrain_learning_rate or options.learning_rate)
            stop = False
            while state.epoch < options.pretrain_epochs and not stop:
                stop = self._epoch(documents, training, None)
            self._engine.restart(options.learning_rate)
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
            rising = self.rules.rising(Progress(state.epoch - 1, options.epochs))
            if options.patience and loss is not None and not rising:
                stop = state.watch(loss, self.network) >= options.patience or stop
        if state.best:
            self.network.load_state_dict(state.best)

    def _epoch(self, documents: Documents, training: Selection, held_out: Selection | None) -> bool:
        """One pass, or what is left of it; returns True if a callback wants to stop."""
        state, options = self.state, self.options
        epochs = options.epochs if state.phase == "train" else options.pretrain_epochs
        steps = n_batches(len(training), options.batch_size)
        seed = (self.seed, _PHASES.index(state.phase), state.epoch)
        if state.step == 0:
            state.sums = Sums(self.network.context.n_topics)
        sums = state.sums
        began, seen_before, stop = time.perf_counter(), sums.documents, False
        self.network.train()
        self._engine.move(state.phase, state.epoch)
        now = Progress(state.epoch, epochs)
        try:
            for rows in shuffled(training, options.batch_size, seed, skip=state.step):
                now = Progress(state.epoch + state.step / steps, epochs)
                if state.phase == "train":
                    self._engine.set_rate(learning_rate(options, now.epoch, options.learning_rate))
                numbers, largest = self._step(documents, rows, now, last=state.step + 1 == steps)
                sums.add(len(rows), numbers, largest)
                state.step += 1
                stop = self.watchers.step_end(state.step - 1, numbers) or stop
                if self._checkpoints is not None and not stop and state.step < steps:
                    self._checkpoints.maybe_save(self.network, self._engine, state, self.device)
        finally:
            self._engine.settle()
        with distributed.sharing(self.processes.share_of_nothing()):
            distributed.check_in_step("TopicModel.fit", self.device)
        seconds = time.perf_counter() - began
        means = sums.means()
        report = EpochReport(
            epoch=state.epoch + 1,
            epochs=epochs,
            phase=state.phase,
            loss=means.pop("loss"),
            reconstruction=means.pop("reconstruction"),
            divergence=means.pop("divergence"),
            divergence_weight=self._engine.weight(now) if state.phase == "train" else 0.0,
            active_topics=self._active(sums.largest),
            documents_per_second=(sums.documents - seen_before) / max(seconds, 1e-9),
            learning_rate=self._engine.rate,
            validation_loss=self._validation_loss(documents, held_out, now),
            penalties=means,
        )
        self.history.append(report)
        state.end_epoch()
        stop = self.watchers.epoch_end(report) or stop
        if self._checkpoints is not None and not stop:
            self._checkpoints.maybe_save(self.network, self._engine, state, self.device)
        return stop

    # ---- pieces -------------------------------------------------------------------------

    def _step(
        self, documents: Documents, rows: NDArray[np.int64], now: Progress, *, last: bool
    ) -> tuple[dict[str, float], Tensor]:
        batch = to_batch(documents, self.processes.own(rows), self.device)
        self._engine.reads(batch)
        with distributed.sharing(self.processes.share(batch)):
            loss, values, largest = self._engine.objective(batch, now, self.state.phase)
            numbers = {name: float(value) for name, value in values.items()}
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
            self._engine.descend(loss, self.state.step, last=last)
        return numbers, largest

    def _active(self, largest: Tensor) -> int:
        """Topics that are the largest of at least one document, over all processes."""
        return int((self.processes.sum(largest.to(self.device)) > 0).sum())

    def _split(self, documents: Documents) -> tuple[Selection, Selection]:
        share = self.options.validation_fraction
        training = Selection(documents.counts, share, self.seed)
        held_out = Selection(documents.counts, share, self.seed, held=True)
        if share and not (len(training) and len(held_out)):
            raise TrainingError(
                f"TopicModel.fit: training__validation_fraction={share} of {len(training) + len(held_out)} "
                f"documents leaves {len(held_out)} to watch and {len(training)} to train on; both "
                "must be at least 1"
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
            with distributed.sharing(self.processes.share(batch)):
                loss, _, _ = self._engine.plain(batch, now)
            total += float(loss) * len(rows)
        self.network.train()
        return total / len(held_out)

    @torch.no_grad()
    def _latents(self, documents: Documents, training: Selection) -> Tensor:
        """Posterior means of evenly spaced documents; the same on every process."""
        self.network.eval()
        rows = training.sample(_LATENTS)
        size = max(self.options.batch_size, 1024)
        chosen: Iterable[NDArray[np.int64]] = (
            rows[start : start + size] for start in range(0, len(rows), size)
        )
        means = [self.network.posterior(b).mean for b in of_rows(documents, chosen, self.device)]
        self.network.train()
        return torch.cat(means)
