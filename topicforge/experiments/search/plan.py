"""A search as one TOML file says it.

    trials = 50
    seed = 0                               # of the search, of every model and of what is held out
    objective = "log_likelihood"           # or the name of a metric
    held_out = 0.2                         # share of the documents that no model sees

    [corpora]                              # corpus folders; of several, the objective is the mean
    news = "news-train"                    # or {train = "news-train", held_out = "news-test"}
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

Paths are relative to the file's folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topicforge._version import __version__
from topicforge.errors import InputError, OptionError
from topicforge.estimator.settings import flatten
from topicforge.experiments.corpus_pair import CorpusPair
from topicforge.experiments.plan_file import check_keys, read_corpora, read_toml, table, whole
from topicforge.experiments.search.compositions import check_settings
from topicforge.experiments.search.measure import LOG_LIKELIHOOD, Measure
from topicforge.experiments.search.space import Axis, Choices, read_space

_KEYS = (
    "trials", "seed", "objective", "held_out", "corpora", "settings", "space", "pruning",
)  # fmt: skip
_PRUNING = ("startup_trials", "warmup_epochs")


@dataclass(frozen=True)
class SearchPlan:
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

    corpora: Mapping[str, CorpusPair]
    space: Mapping[str, Axis]
    settings: Mapping[str, Any]
    objective: Measure = field(default_factory=lambda: Measure(LOG_LIKELIHOOD))
    trials: int = 50
    seed: int = 0
    held_out: float = 0.2
    startup_trials: int = 5
    warmup_epochs: int = 5

    def decides(self) -> dict[str, Any]:
        """What decides the outcome of a trial, as JSON; two searches with the same may be one."""
        return {
            "corpora": {name: documents.checksum for name, documents in self.corpora.items()},
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


def read_plan(path: str | Path) -> SearchPlan:
    """Read and check a search, so that nothing fails hours later that can be seen now.

    Raises:
        InputError: unreadable, or not a search; the message names the key.
        CorpusError: a corpus folder is missing or damaged.
        UnknownNameError: an unknown key, objective, setting or component.
        OptionError: a value outside its domain.
        MixError: no composition of the space fits.
    """
    path = Path(path)
    where = f"search: {path}"
    read = read_toml(path, where, _KEYS)
    name = read.get("objective", LOG_LIKELIHOOD)
    if not isinstance(name, str):
        raise InputError(f"{where}: objective must be a name, got {name!r}")
    objective = Measure(name)
    space = read_space(read.get("space"), where)
    settings = flatten(table(read, "settings", where), f"{where}: settings")
    check_settings(settings, space, where)
    corpora = read_corpora(read, where, path.parent)
    for name, documents in corpora.items():
        objective.check(documents, f"{where}: corpora.{name}")
    share = read.get("held_out", 0.2)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        raise OptionError(f"{where}: held_out must be a share above 0 and below 1, got {share!r}")
    pruning = table(read, "pruning", where)
    check_keys(pruning, _PRUNING, f"{where}: pruning")
    return SearchPlan(
        corpora,
        space,
        settings,
        objective,
        whole(read.get("trials", 50), "trials", 1, where),
        whole(read.get("seed", 0), "seed", 0, where),
        float(share),
        whole(pruning.get("startup_trials", 5), "pruning.startup_trials", 0, where),
        whole(pruning.get("warmup_epochs", 5), "pruning.warmup_epochs", 0, where),
    )
