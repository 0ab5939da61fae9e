"""A search as one TOML file says it.

    trials = 50
    seed = 0                               # of the search, of every model and of what is held out
    objective = "log_likelihood"           # or the name of a metric
    held_out = 0.2                         # share of the documents that no model sees

    [corpora]                              # corpus folders; of several, the objective is the mean
    news = "news-train"                    # or {train = "news-train", test = "news-test"}: measured
                                           # on the second, nothing is split
    [settings]                             # what stays the same, as in `topicforge train --config`
    preset = "w-lda"
    epochs = 50

    [space]                                # what is searched, under the same names
    prior = {choices = ["gaussian", "dirichlet"]}
    prior__concentration = {low = 0.01, high = 1.0, log = true}   # where the prior has it
    learning_rate = {low = 1e-4, high = 1e-2, log = true}
    batch_size = {low = 50, high = 400, step = 50}

    [pruning]                              # a trial stops when it is behind the median of others
    startup_trials = 5                     # these first ones run to their end
    warmup_epochs = 5                      # and so many epochs are left alone in each

Paths start at the file's own folder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topicforge._version import __version__
from topicforge.corpus import Corpus
from topicforge.errors import (
    InputError,
    OptionError,
    TopicForgeError,
    UnknownNameError,
    did_you_mean,
)
from topicforge.estimator.settings import flatten
from topicforge.experiments.search.held import Held
from topicforge.experiments.search.measure import LOG_LIKELIHOOD, Measure
from topicforge.experiments.search.mixes import check_settings
from topicforge.experiments.search.space import Axis, Choices, read_space

_KEYS = (
    "trials", "seed", "objective", "held_out", "corpora", "settings", "space", "pruning",
)  # fmt: skip
_PRUNING = ("startup_trials", "warmup_epochs")


@dataclass(frozen=True)
class Plan:
    """A search.

    Args:
        corpora: name -> its documents.
        space: setting -> what it may be, names of parts first.
        settings: TopicModel's parameters that stay the same.
        objective: what is looked for, on held-out documents.
        trials: how many there are in all.
        seed: of the search, of every model and of what is held out.
        held_out: share of the documents, in (0, 1).
        startup_trials: trials that are never stopped early.
        warmup_epochs: epochs of each trial that are never its last.
    """

    corpora: Mapping[str, Held]
    space: Mapping[str, Axis]
    settings: Mapping[str, Any]
    objective: Measure = field(default_factory=lambda: Measure(LOG_LIKELIHOOD))
    trials: int = 50
    seed: int = 0
    held_out: float = 0.2
    startup_trials: int = 5
    warmup_epochs: int = 5

    def asked(self) -> dict[str, Any]:
        """What decides the outcome of a trial, as JSON; two searches with the same may be one."""
        return {
            "corpora": {name: held.mark for name, held in self.corpora.items()},
            "space": {
                name: {"choices": list(axis.labels)} if isinstance(axis, Choices) else vars(axis)
                for name, axis in self.space.items()
            },
            "settings": {name: repr(value) for name, value in sorted(self.settings.items())},
            "objective": self.objective.name,
            "seed": self.seed,
            "held_out": self.held_out,
            "startup_trials": self.startup_trials,
            "warmup_epochs": self.warmup_epochs,
            "topicforge": __version__,
        }


def read_plan(path: str | Path) -> Plan:
    """Read and check a search, so that nothing fails hours later that can be seen now.

    Raises:
        InputError: unreadable, or not a search; the message names the key.
        CorpusError: a corpus folder is missing or damaged.
        UnknownNameError: an unknown key, objective, setting or component.
        OptionError: a value outside its domain.
        MixError: no mix of the space fits.
    """
    path = Path(path)
    where = f"search: {path}"
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{where} can't be read as TOML: {error}") from error
    _check_keys(read, _KEYS, where)
    objective = Measure(_text(read.get("objective", LOG_LIKELIHOOD), "objective", where))
    space = read_space(read.get("space"), where)
    settings = flatten(_table(read, "settings", where), f"{where}: settings")
    check_settings(settings, space, where)
    corpora = {
        name: _held(given, f"{where}: corpora.{name}", path.parent)
        for name, given in _table(read, "corpora", where).items()
    }
    if not corpora:
        raise InputError(f'{where}: a search needs a corpus; write [corpora] and NAME = "FOLDER"')
    for name, held in corpora.items():
        objective.check(Corpus.open(held.test or held.train), f"{where}: corpora.{name}")
    share = read.get("held_out", 0.2)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        raise OptionError(f"{where}: held_out must be a share above 0 and below 1, got {share!r}")
    pruning = _table(read, "pruning", where)
    _check_keys(pruning, _PRUNING, f"{where}: pruning")
    return Plan(
        corpora,
        space,
        settings,
        objective,
        _whole(read.get("trials", 50), "trials", 1, where),
        _whole(read.get("seed", 0), "seed", 0, where),
        float(share),
        _whole(pruning.get("startup_trials", 5), "pruning.startup_trials", 0, where),
        _whole(pruning.get("warmup_epochs", 5), "pruning.warmup_epochs", 0, where),
    )


def _held(given: Any, where: str, folder: Path) -> Held:
    files = given if isinstance(given, dict) else {"train": given}
    _check_keys(files, ("train", "test"), where)
    train, test = files.get("train"), files.get("test")
    if not isinstance(train, str) or not isinstance(test, str | None):
        raise InputError(
            f'{where} must name corpus folders: "FOLDER", or train = "FOLDER" and test'
        )
    try:
        return Held.look(folder / train, None if test is None else folder / test, where)
    except TopicForgeError as error:
        raise type(error)(f"{where}: {error}") from error


def _check_keys(read: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in read:
        if key not in known:
            raise UnknownNameError(
                f"{where}: there is no key {key!r}.{did_you_mean(key, known)} Keys: {', '.join(known)}"
            )


def _table(read: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    table = read.get(key, {})
    if not isinstance(table, dict):
        raise InputError(f"{where}: {key} must be a table [{key}], got {table!r}")
    return table


def _text(given: Any, key: str, where: str) -> str:
    if not isinstance(given, str):
        raise InputError(f"{where}: {key} must be a name, got {given!r}")
    return given


def _whole(given: Any, key: str, least: int, where: str) -> int:
    if type(given) is not int or given < least:
        raise OptionError(f"{where}: {key} must be a whole number from {least}, got {given!r}")
    return given
