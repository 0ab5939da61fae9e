"""A search's folder: what was asked, and every trial as Optuna's journal keeps it.

    search.json    what decides the outcome of a trial; a folder serves one search
    journal.log    a JSON object a line, written through after each epoch
    lock           held by the process that searches; it goes with the process

The journal is text that is replayed, and nothing of it is unpickled: Optuna unpickles snapshots, which
a journal in a file has none of. One process writes it, so a line cut in half by a kill is its last.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import NoneType
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from topicforge.errors import InputError
from topicforge.experiments.search.mixes import draw_settings
from topicforge.experiments.search.plan import Plan
from topicforge.experiments.search.sampler import SeededTPE
from topicforge.experiments.search.space import Axis, Choices

_STUDY = "topicforge"
_MARK = "search.json"
_JOURNAL = "journal.log"
#: operations of the journal; each other one is of a trial
_NEW_STUDY, _NEW_TRIAL = 0, 4


class _Alone(BaseJournalFileLock):
    """No lock within: the folder's own keeps others out, and a kill leaves nothing of it behind."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return None


class _Backend(JournalFileBackend):
    """The journal's file, whose failures are ours."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        try:
            super().append_logs(logs)
        except OSError as error:
            raise InputError(
                f"search: {self._file_path} can't be written: {error}. Make room, and give the same "
                "command again: it goes on with this trial"
            ) from error


@contextmanager
def open_study(folder: Path, plan: Plan, *, jobs: int, prune: bool) -> Iterator[optuna.Study]:
    """Open the folder's study, made if it is new, and keep other processes out.

    Args:
        folder: new, empty, or of the same search.
        plan: the search.
        jobs: trials at a time.
        prune: stop trials that are behind.

    Raises:
        InputError: the folder is of something else, of another search, in use, or damaged.
    """
    with ExitStack() as opened:
        try:
            _claim(folder, plan)
            lock = opened.enter_context((folder / "lock").open("wb"))
            _lock(lock, folder)
            opened.enter_context(_quiet())
            study = _load(folder / _JOURNAL, plan, jobs, prune)
        except OSError as error:
            raise InputError(f"search: {folder} can't be written: {error}") from error
        yield study


def distribution(axis: Axis) -> BaseDistribution:
    """Return what Optuna calls an axis."""
    if isinstance(axis, Choices):
        return CategoricalDistribution(axis.labels)
    if axis.whole:
        return IntDistribution(
            int(axis.low), int(axis.high), log=axis.log, step=int(axis.step or 1)
        )
    return FloatDistribution(axis.low, axis.high, log=axis.log, step=axis.step)


def _claim(folder: Path, plan: Plan) -> None:
    """Write what is asked into a new folder, or see that an old one was asked the same."""
    folder.mkdir(parents=True, exist_ok=True)
    mark, asked = folder / _MARK, json.loads(json.dumps(plan.asked()))
    if not mark.is_file():
        if any(not path.name.startswith(f".{_MARK}-") for path in folder.iterdir()):
            raise InputError(
                f"search: {folder} must be new, empty or a search's folder, but it holds other files; "
                "choose another"
            )
        fresh = mark.with_name(f".{_MARK}-{os.getpid()}")
        fresh.write_text(
            json.dumps({"format": 1, "asked": asked}, indent=1) + "\n", encoding="utf-8"
        )
        fresh.replace(mark)
        return
    try:
        known = json.loads(mark.read_text(encoding="utf-8"))["asked"]
        other = [key for key in asked if known.get(key) != asked[key]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"search: {mark} must say what is searched, but can't be read ({error}); choose another folder"
        ) from error
    if other:
        raise InputError(
            f"search: {folder} is of another search, with other {', '.join(other)}; a search can be "
            "given more trials, and nothing else; choose another folder"
        )


def _lock(lock: Any, folder: Path) -> None:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"search: another process is searching in {folder} now; wait for it, or choose another "
                "folder; -j runs several trials at a time"
            ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna speaks of each trial; so do we."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _load(journal: Path, plan: Plan, jobs: int, prune: bool) -> optuna.Study:
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if prune:
        pruner = optuna.pruners.MedianPruner(plan.startup_trials, plan.warmup_epochs)
    _cut(journal)
    sampler = SeededTPE(plan.seed, parallel=jobs > 1)
    direction: Literal["maximize", "minimize"] = (
        "maximize" if plan.objective.higher_is_better else "minimize"
    )
    try:
        known = _scan(journal)
        storage = JournalStorage(_Backend(str(journal), _Alone()))
        if known:
            study = optuna.load_study(
                storage=storage, study_name=_STUDY, sampler=sampler, pruner=pruner
            )
            _check(study, plan, direction)
        else:
            study = optuna.create_study(
                storage=storage,
                study_name=_STUDY,
                direction=direction,
                sampler=sampler,
                pruner=pruner,
            )
    except (OSError, InputError):
        raise
    except Exception as error:
        # whatever the bytes are, Optuna's replay of them fails in its own many ways
        raise InputError(
            f"search: {journal} is damaged, or of another program ({type(error).__name__}: {error}); its "
            f"{_lines(journal)} lines can't be replayed. Put back a copy, or choose another folder"
        ) from error
    return study


def _cut(journal: Path) -> None:
    """Take off half a line: a kill came while it was written, so nobody has acted on it."""
    if not journal.exists():
        return
    with journal.open("rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        if end < size:
            file.truncate(end)


def _scan(journal: Path) -> bool:
    """See that every line is of the one study, since Optuna passes over those that are of none.

    Returns:
        Whether there is a line.

    Raises:
        ValueError, KeyError, TypeError: a line of something else.
    """
    if not journal.exists():
        return False
    trials, place = 0, 0
    with journal.open("rb") as file:
        for place, text in enumerate(file, start=1):
            line = json.loads(text)
            operation = line["op_code"]
            if (operation == _NEW_STUDY) != (place == 1):
                raise ValueError(f"line {place} must not be operation {operation!r}")
            if operation == _NEW_STUDY:
                continue
            if operation == _NEW_TRIAL:
                trials += 1
            elif not (type(line["trial_id"]) is int and 0 <= line["trial_id"] < trials):
                raise ValueError(f"line {place} is of a trial {line['trial_id']!r}")
    return place > 0


def _lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n")


def _check(study: optuna.Study, plan: Plan, direction: str) -> None:
    """See that the journal's trials are of this search.

    Raises:
        ValueError: they are not.
    """
    if study.direction.name.lower() != direction:
        raise ValueError(f"its direction is {study.direction.name}")
    space = {name: distribution(axis) for name, axis in plan.space.items()}
    for number, trial in enumerate(study.get_trials(deepcopy=False)):
        if trial.number != number:
            raise ValueError(f"trial {number} is called {trial.number}")
        for name, known in trial.distributions.items():
            if space.get(name) != known:
                raise ValueError(f"trial {number} draws {name} from {known}")
            # Optuna keeps what it is told; a value that nobody drew must not reach a model
            if plan.space[name].label(plan.space[name].value(trial.params[name])) is None:
                raise ValueError(f"trial {number} has {name} = {trial.params[name]!r}")
        if trial.state.is_finished() or "outcome" in trial.user_attrs:
            _check_outcome(trial.user_attrs.get("outcome"), number)
            _check_drawn(trial, plan)


def _check_drawn(trial: optuna.trial.FrozenTrial, plan: Plan) -> None:
    drawn = {name: plan.space[name].value(label) for name, label in trial.params.items()}
    asked: set[str] = set()

    def draw(name: str, axis: Axis) -> Any:
        del axis
        asked.add(name)
        if name not in drawn:
            raise ValueError(f"trial {trial.number} has no {name}")
        return drawn[name]

    draw_settings(plan.settings, plan.space, draw)
    if asked != set(drawn):
        raise ValueError(f"trial {trial.number} has {', '.join(set(drawn) - asked)}")


def _check_outcome(outcome: Any, number: int) -> None:
    wanted: dict[str, tuple[type, ...]] = {
        "status": (str,),
        "value": (float, NoneType),
        "epochs": (int,),
        "planned": (int,),
        "seconds": (float,),
        "error": (str, NoneType),
        "same_as": (int, NoneType),
    }
    if not isinstance(outcome, Mapping) or set(outcome) != set(wanted):
        raise ValueError(f"trial {number} ended in {outcome!r}")
    for key, kinds in wanted.items():
        if not isinstance(outcome[key], kinds):
            raise ValueError(f"trial {number} ended with {key} = {outcome[key]!r}")
