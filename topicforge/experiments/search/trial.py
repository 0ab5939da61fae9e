"""One trial: train on some documents, measure on others after every epoch."""

from __future__ import annotations

import math
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from topicforge.errors import OptionError, TopicForgeError, TrainingError
from topicforge.estimator.topic_model import TopicModel
from topicforge.experiments.corpus_pair import CorpusPair
from topicforge.experiments.search.measure import Measure

#: (step, value) -> whether to stop; steps of a second corpus begin behind any number of epochs
Look = Callable[[int, float], bool]
CORPUS_STEP = 1_000_000

#: under which Optuna keeps the outcome of a trial
OUTCOME = "outcome"

T = TypeVar("T")
Steps: TypeAlias = Generator[tuple[int, float], bool, T]


@dataclass(frozen=True)
class TrialTask:
    """What it takes to run a trial anywhere.

    Args:
        settings: TopicModel's parameters.
        corpora: name -> documents.
        measure: on those held out.
        seed: of the model and of what is held out.
        share: held out.
    """

    settings: Mapping[str, Any]
    corpora: Mapping[str, CorpusPair]
    measure: Measure
    seed: int
    share: float


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; see :class:`~topicforge.experiments.search.records.Tried`."""

    status: str
    value: float | None = None
    epochs: int = 0
    planned: int = 0
    seconds: float = 0.0
    error: str | None = None
    same_as: int | None = None


def run_trial(task: TrialTask, look: Look) -> Outcome:
    """Train, and ask after every epoch whether to go on; what goes wrong is in the outcome.

    The value is the mean over corpora of the measure after the last epoch, which is that of a model
    fitted with the same settings to the same documents.

    Args:
        task: the trial.
        look: told the measure after each epoch of training; True stops the trial.
    """
    steps = _steps(task)
    answer: bool | None = None
    with closing(steps):
        while True:
            try:
                told = next(steps) if answer is None else steps.send(answer)
            except StopIteration as ended:
                outcome: Outcome = ended.value
                return outcome
            # outside of the trial: what fails here is not the trial's failure
            answer = look(*told)


def _steps(task: TrialTask) -> Steps[Outcome]:
    """Yield (step, value) after each epoch and take whether to stop; what goes wrong is returned."""
    began = time.perf_counter()
    ran = _Ran()
    try:
        value = yield from _run(task, ran)
    except OptionError as error:
        return Outcome("impossible", error=str(error), **ran.so_far(began))
    except TopicForgeError as error:
        return Outcome("failed", error=str(error), **ran.so_far(began))
    except Exception:
        return Outcome("failed", error=traceback.format_exc(), **ran.so_far(began))
    return Outcome("pruned" if ran.stopped else "done", value, **ran.so_far(began))


@dataclass
class _Ran:
    epochs: int = 0
    planned: int = 0
    stopped: bool = False

    def so_far(self, began: float) -> dict[str, Any]:
        return {
            "epochs": self.epochs,
            "planned": self.planned,
            "seconds": time.perf_counter() - began,
        }


def _run(task: TrialTask, ran: _Ran) -> Steps[float]:
    total = 0.0
    for number, documents in enumerate(task.corpora.values()):
        train, held_out = documents.split(task.share, task.seed)
        model = TopicModel(**task.settings, seed=task.seed)
        epochs, value = 1, math.nan
        done = 0
        while done < epochs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                model.partial_fit(train)
            done += 1
            if done == 1:
                training = model.settings_.training
                if training.patience or training.validation_fraction:
                    raise OptionError(
                        f"search: preset {model.settings_.preset!r} holds documents out and stops early by "
                        "them, which is the search's to do; take a preset without"
                    )
                epochs = training.epochs
                ran.planned = (epochs + training.pretrain_epochs) * len(task.corpora)
                ran.epochs += training.pretrain_epochs
            ran.epochs += 1
            value = task.measure(model, held_out)
            if not math.isfinite(value):
                raise TrainingError(
                    f"search: {task.measure.name} must be finite, got {value} after epoch {done}"
                )
            stop = yield number * CORPUS_STEP + done, value
            if stop:
                ran.stopped = done < epochs or number + 1 < len(task.corpora)
                if ran.stopped:
                    return value
        total += value
    return total / len(task.corpora)
