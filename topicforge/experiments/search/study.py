"""A search's folder: the plan, and every trial as Optuna's journal keeps it.

    search.json    what decides the outcome of a trial; a folder serves one search
    journal.log    one JSON object per line, on the disk after each epoch

The journal is text: nothing of it is unpickled. One process writes it, so half a line, left by a kill,
can only be the last.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial

from topicforge.errors import OutputError, StorageError
from topicforge.experiments.search.plan import SearchPlan
from topicforge.experiments.search.space import Axis, Choices
from topicforge.experiments.search.trial import OUTCOME, Outcome
from topicforge.storage import claim_folder, writing_to

_STUDY, _MARK, _JOURNAL = "topicforge", "search.json", "journal.log"


@contextmanager
def open_study(folder: Path, plan: SearchPlan, *, jobs: int, prune: bool) -> Iterator[optuna.Study]:
    """Open the folder's study, which is made if it is new, and keep other processes out.

    Args:
        folder: new, empty, or of the same search.
        plan: the search.
        jobs: trials at a time.
        prune: stop trials that are behind.

    Raises:
        OutputError: the folder holds something else, or another search.
        StorageError: it is in use, damaged, or can't be written.
    """
    decides = json.loads(json.dumps(plan.decides()))
    with claim_folder(folder, _MARK, {"format": 1, **decides}, "a search") as known:
        other = [key for key in decides if known.get(key) != decides[key]]
        if other:
            raise OutputError(
                f"{folder}: is of another search, with other {', '.join(other)}; a search can be given "
                "more trials, and nothing else; choose another folder"
            )
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            yield _load(folder / _JOURNAL, plan, jobs, prune)
        finally:
            optuna.logging.set_verbosity(before)


def suggest(trial: Trial, name: str, axis: Axis) -> Any:
    """Draw the value of a setting."""
    if isinstance(axis, Choices):
        return axis.value(trial.suggest_categorical(name, axis.labels))
    if axis.whole:
        step = int(axis.step or 1)
        return trial.suggest_int(name, int(axis.low), int(axis.high), log=axis.log, step=step)
    return trial.suggest_float(name, axis.low, axis.high, log=axis.log, step=axis.step)


def _load(journal: Path, plan: SearchPlan, jobs: int, prune: bool) -> optuna.Study:
    with writing_to(journal):
        _cut_last_line(journal)
        # Optuna's own lock outlives a process that is killed; the folder's keeps others out
        Path(f"{journal}.lock").unlink(missing_ok=True)
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if prune:
        pruner = optuna.pruners.MedianPruner(plan.startup_trials, plan.warmup_epochs)
    try:
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            study_name=_STUDY,
            direction="maximize" if plan.objective.higher_is_better else "minimize",
            pruner=pruner,
            load_if_exists=True,
        )
        trials = study.get_trials()
        for trial in trials:
            for name, label in trial.params.items():
                axis = plan.space[name]
                if axis.label(axis.value(label)) is None:
                    raise ValueError(f"trial {trial.number} has {name} = {label!r}")
            if OUTCOME in trial.user_attrs:
                Outcome(**trial.user_attrs[OUTCOME])
    except OSError:
        raise
    except Exception as error:
        # whatever the bytes are, replaying them fails in as many ways
        raise StorageError(
            f"{journal}: is damaged, or of another program ({type(error).__name__}: {error}); put back a "
            "copy, or choose another folder"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # of constant_liar
        # a search that goes on must not draw once more what it drew at its beginning
        seed = plan.seed + len(trials)
        study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=jobs > 1)
    return study


def _cut_last_line(journal: Path) -> None:
    """Remove half a line: nothing has acted on it."""
    if journal.exists():
        os.truncate(journal, journal.read_bytes().rfind(b"\n") + 1)
