"""The callback's contract: observes epochs and steps, may stop training, changes no mathematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


def _no_words(n_topics: int, top: int) -> list[list[str]]:
    """Of a start that was made by hand."""
    del n_topics, top
    return []


@dataclass(frozen=True)
class FitStart:
    """What a callback is given before the first step.

    Args:
        settings: TopicModel parameters in force, by name.
        n_documents: training documents.
        vocab_size: V.
        n_topics: K.
        epochs: epochs planned, pretraining left out.
        estimator: the divergence rule that runs, as ``explain`` prints it.
        top_words: called with a number of topics and a number of words, returns the words of the first
            topics by the decoder's scores as they are at that moment.
    """

    settings: Mapping[str, Any]
    n_documents: int
    vocab_size: int
    n_topics: int
    epochs: int
    estimator: str
    top_words: Callable[[int, int], list[list[str]]] = field(default_factory=lambda: _no_words)


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch, all means over training documents.

    Args:
        epoch: 1 for the first; pretraining has a count of its own.
        epochs: how many are planned.
        phase: ``pretrain`` or ``train``.
        loss: weighted sum of the terms below, as minimised.
        reconstruction: -log p(x | theta) per document, in nats.
        divergence: the divergence before its weight (a mean over documents, or the MMD).
        divergence_weight: its weight in this epoch (warm-up).
        penalties: further terms by name.
        active_topics: topics that are the largest of at least one training document.
        documents_per_second: training throughput of this epoch.
        learning_rate: in force at the end of the epoch.
        validation_loss: loss per held-out document, or ``None`` without held-out documents.
    """

    epoch: int
    epochs: int
    phase: str
    loss: float
    reconstruction: float
    divergence: float
    divergence_weight: float
    active_topics: int
    documents_per_second: float
    learning_rate: float
    validation_loss: float | None = None
    penalties: Mapping[str, float] = field(default_factory=dict)


class Callback:
    """Override what you need; returning ``True`` from an ``on_..._end`` stops training cleanly.

    A callback that raises ends the fit with a :class:`~topicforge.errors.CallbackError` that names
    it, and the model stays usable as after an interruption. ``on_fit_end`` is called for every
    callback whose ``on_fit_start`` was called, however the fit ends. ``partial_fit`` has no start and no
    end: it calls ``on_step_end`` and ``on_epoch_end`` alone. Callbacks are not saved with a model.
    """

    def on_fit_start(self, start: FitStart) -> None:
        """Before the first step."""

    def on_step_end(self, step: int, terms: Mapping[str, float]) -> bool | None:
        """After each optimiser step, with the loss terms of its batch.

        ``terms`` costs a transfer from the device, so it is only made when a callback overrides
        this method.
        """

    def on_epoch_end(self, report: EpochReport) -> bool | None:
        """After each epoch."""

    def on_fit_end(self, history: list[EpochReport]) -> None:
        """After the last step, also after an interruption."""
