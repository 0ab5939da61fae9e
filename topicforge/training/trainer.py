"""The training loop; readable top to bottom in one sitting."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topicforge.contracts import Batch, EpochReport, FitStart
from topicforge.errors import MixError, PluginError, TrainingError
from topicforge.network import Network, Terms
from topicforge.training.batches import in_order, shuffled
from topicforge.training.documents import Documents
from topicforge.training.lazy_adam import LazyAdam, clip_gradients
from topicforge.training.options import TrainingOptions
from topicforge.training.schedules import divergence_weight, learning_rate
from topicforge.training.watchers import Watcher, Watchers


class Trainer:
    """Trains a network; holds the optimiser, so that a later call goes on where this one ended.

    loss = scale * mean(reconstruction) + weight(epoch) * divergence + sum of penalties

    Args:
        network: on ``device`` already.
        options: see :class:`TrainingOptions`.
        device: where batches go.
        watchers: callbacks with their names, see :class:`~topicforge.contracts.Callback`.
        seed: for parts that draw randomness of their own (the mixture's start).
    """

    def __init__(
        self,
        network: Network,
        options: TrainingOptions,
        device: torch.device,
        watchers: Sequence[Watcher] = (),
        seed: int = 0,
    ) -> None:
        if options.free_bits and not network.rule.per_document:
            raise MixError(
                "TopicModel: free_bits is nats of divergence a document, but this divergence "
                f"({network.rule.summary}) is one number a batch; set free_bits=0"
            )
        self.network = network
        self.options = options
        self.device = device
        self.seed = seed
        self.history: list[EpochReport] = []
        self.watchers = Watchers(watchers, self.history)
        self.epochs_done = 0
        self.prepared = False
        self.optimiser = self._adam(options.learning_rate)
        facts = network.context
        self.scale = (
            1 / (max(facts.mean_length, 1.0) * math.log(max(facts.vocab_size, 2)))
            if options.reconstruction_scale == "length"
            else 1.0
        )

    def fit(self, documents: Documents, rows: NDArray[np.int64], start: FitStart) -> None:
        """Pretrain, start the prior from data where it wants that, then train all epochs.

        Args:
            documents: the corpus.
            rows: documents to train on; empty ones are left out by the caller.
            start: told to the callbacks.

        Raises:
            TrainingError: a loss is not finite, or the prior's start failed.
            KeyboardInterrupt, CallbackError: passed on after the network is in a usable state.
        """
        training, held_out = self._split(rows)
        ending: BaseException | None = None
        try:
            self.watchers.fit_start(start)
            self._prepare(documents, training)
            self._train(documents, training, held_out)
        except BaseException as error:
            ending = error
            raise
        finally:
            self.network.eval()
            self.watchers.fit_end(ending)

    def fit_more(self, documents: Documents, rows: NDArray[np.int64]) -> None:
        """One more epoch over these documents (``partial_fit``)."""
        self._prepare(documents, rows)
        self._epoch(documents, rows, self.epochs_done, "train")
        self.network.eval()

    # ---- phases -------------------------------------------------------------------------

    def _prepare(self, documents: Documents, rows: NDArray[np.int64]) -> None:
        if self.prepared:
            return
        if self.options.pretrain_epochs:
            rate = self.options.pretrain_learning_rate or self.options.learning_rate
            self.optimiser = self._adam(rate)
            for epoch in range(self.options.pretrain_epochs):
                if self._epoch(documents, rows, epoch, "pretrain"):
                    break
            self.optimiser = self._adam(self.options.learning_rate)
        if self.network.prior.starts_from_latents:
            self.network.prior.start_from_latents(self._latents(documents, rows), self.seed)
        self.prepared = True

    def _train(
        self, documents: Documents, training: NDArray[np.int64], held_out: NDArray[np.int64]
    ) -> None:
        best, best_state, waited = math.inf, None, 0
        for epoch in range(self.options.epochs):
            stop = self._epoch(documents, training, epoch, "train", held_out)
            loss = self.history[-1].validation_loss
            if self.options.patience and loss is not None:
                # the divergence's weight still rises during warm-up: losses don't compare yet
                if epoch + 1 < self.options.warmup_epochs:
                    continue
                if loss < best:
                    best, waited = loss, 0
                    best_state = {k: v.clone() for k, v in self.network.state_dict().items()}
                else:
                    waited += 1
                    stop = stop or waited >= self.options.patience
            if stop:
                break
        if best_state is not None:
            self.network.load_state_dict(best_state)

    def _epoch(
        self,
        documents: Documents,
        rows: NDArray[np.int64],
        epoch: int,
        phase: str,
        held_out: NDArray[np.int64] | None = None,
    ) -> bool:
        """One pass; returns True if a callback wants to stop."""
        self.network.train()
        options = self.options
        total = {"loss": 0.0, "reconstruction": 0.0, "divergence": 0.0}
        penalties: dict[str, float] = {}
        largest = torch.zeros(self.network.context.n_topics, device=self.device)
        steps = max(1, math.ceil(len(rows) / options.batch_size))
        began, seen, stop = time.perf_counter(), 0, False
        weight = 0.0
        if phase == "train" and options.alternate_epochs:
            self._take_turns(epoch)
        for step, batch in enumerate(shuffled(documents, rows, options.batch_size, self.device)):
            now = epoch + step / steps
            if phase == "train":
                weight = divergence_weight(options, now)
                for group in self.optimiser.param_groups:
                    group["lr"] = learning_rate(options, now, options.learning_rate)
            terms = self.network(batch) if phase == "train" else self.network.autoencode(batch)
            loss, divergence = self._loss(terms, weight)
            values = {"loss": loss, "reconstruction": terms.reconstruction.mean(),
                "divergence": divergence, **terms.penalties}  # fmt: skip
            numbers = {name: float(value.detach()) for name, value in values.items()}
            self._check_finite(numbers, epoch, step, phase, batch)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if options.gradient_clip:
                clip_gradients(self.network.parameters(), options.gradient_clip)
            self.optimiser.step()
            size = batch.n_documents
            seen += size
            for name in total:
                total[name] += numbers[name] * size
            for name in terms.penalties:
                penalties[name] = penalties.get(name, 0.0) + numbers[name] * size
            largest += torch.bincount(terms.log_theta.argmax(1), minlength=len(largest))
            stop = self.watchers.step_end(step, numbers) or stop
        seconds = time.perf_counter() - began
        report = EpochReport(
            epoch=epoch + 1,
            epochs=options.epochs if phase == "train" else options.pretrain_epochs,
            phase=phase,
            loss=total["loss"] / seen,
            reconstruction=total["reconstruction"] / seen,
            divergence=total["divergence"] / seen,
            divergence_weight=weight,
            active_topics=int((largest > 0).sum()),
            documents_per_second=seen / max(seconds, 1e-9),
            learning_rate=self.optimiser.param_groups[0]["lr"],
            validation_loss=self._validation_loss(documents, held_out, weight),
            penalties={name: value / seen for name, value in penalties.items()},
        )
        self.history.append(report)
        self.epochs_done += phase == "train"
        return self.watchers.epoch_end(report) or stop

    # ---- pieces -------------------------------------------------------------------------

    def _loss(self, terms: Terms, weight: float) -> tuple[Tensor, Tensor]:
        rule = self.network.rule
        divergence = terms.divergence
        if (
            rule.per_document
            and divergence.ndim == 1
            and divergence.shape != terms.reconstruction.shape
        ):
            raise PluginError(
                f"divergence rule {rule.summary!r}: must give one number a document, "
                f"{tuple(terms.reconstruction.shape)}, but gave {tuple(divergence.shape)}"
            )
        divergence = divergence.mean()
        costly = (
            divergence.clamp_min(self.options.free_bits) if self.options.free_bits else divergence
        )
        loss = self.scale * terms.reconstruction.mean() + weight * costly
        for penalty in terms.penalties.values():
            loss = loss + penalty
        return loss, divergence

    def _check_finite(
        self, numbers: dict[str, float], epoch: int, step: int, phase: str, batch: Batch
    ) -> None:
        bad = [name for name, value in numbers.items() if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"TopicModel.fit: {phase} epoch {epoch + 1}, step {step + 1}: every loss term must be "
                f"finite, got {', '.join(f'{n} = {numbers[n]}' for n in bad)}; the first part that gives no "
                f"finite number is {self.network.first_not_finite(batch)}. Lower learning_rate, "
                "set gradient_clip, or normalise the encoder's input. Whatever was fitted before "
                "is kept"
            )

    def _take_turns(self, epoch: int) -> None:
        """Decoder first, then encoder and link, in turns (NVDM-GSM's published code).

        The link belongs to inference: its weights, eq. 7's W, are among the encoder's there.
        """
        decoder_turn = (epoch // self.options.alternate_epochs) % 2 == 0
        for part in (self.network.encoder, self.network.link, self.network.decoder):
            for parameter in part.parameters():
                if id(parameter) in self._trainable:
                    parameter.requires_grad_((part is self.network.decoder) == decoder_turn)

    def _adam(self, rate: float) -> torch.optim.Adam | LazyAdam:
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        self._trainable = {id(p) for p in parameters}
        lazy = self.options.optimiser == "lazy-adam"
        parts = (self.network.encoder, self.network.decoder)
        able = [part.use_row_gradients(lazy) for part in parts]
        if lazy and not any(able):
            warnings.warn(
                "TopicModel: optimiser='lazy-adam' is plain Adam here, because all gradients of "
                f"{' and '.join(type(part).__name__ for part in parts)} are dense",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        return (LazyAdam if lazy else torch.optim.Adam)(
            parameters,
            lr=rate,
            betas=(self.options.beta1, 0.999),
            eps=self.options.adam_eps,
            weight_decay=self.options.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )

    def _split(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        count = round(self.options.validation_fraction * len(rows))
        if self.options.validation_fraction and not 0 < count < len(rows):
            raise TrainingError(
                f"TopicModel.fit: validation_fraction={self.options.validation_fraction} of "
                f"{len(rows)} documents leaves {count} to watch and {len(rows) - count} to "
                "train on; both must be at least 1"
            )
        order = torch.randperm(len(rows)).numpy() if count else np.arange(len(rows))
        return rows[np.sort(order[count:])], rows[np.sort(order[:count])]

    @torch.no_grad()
    def _validation_loss(
        self, documents: Documents, held_out: NDArray[np.int64] | None, weight: float
    ) -> float | None:
        if held_out is None or not len(held_out):
            return None
        self.network.eval()
        total = 0.0
        for batch in in_order(documents, self.options.batch_size, self.device, held_out):
            loss, _ = self._loss(self.network(batch), weight)
            total += float(loss) * batch.n_documents
        self.network.train()
        return total / len(held_out)

    @torch.no_grad()
    def _latents(self, documents: Documents, rows: NDArray[np.int64]) -> Tensor:
        self.network.eval()
        means = [
            self.network.posterior(batch).mean
            for batch in in_order(documents, max(self.options.batch_size, 1024), self.device, rows)
        ]
        self.network.train()
        return torch.cat(means)
