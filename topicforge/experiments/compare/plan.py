"""A study as one TOML file says it.

    n_topics = [20, 50]
    seeds = [0, 1, 2, 3, 4]
    metrics = ["npmi", "npmi_held_out", "never_meet", "wec", "td", "purity", "nmi"]
    untrained = true                       # every composition without training, too: what its start gives
    chance = true                          # words and topics drawn at random

    [corpora.news]
    train = "news-train"                   # corpus folder; words are scored on it
    held_out = "news-test"                 # theta is scored on it; without it, on the first
    vectors = "glove.txt"                  # word vectors, for wec

    [compositions.default]                 # settings as in `topicforge train --config`
    [compositions.w-lda]
    preset = "w-lda"
    [compositions.w-lda.prior]
    name = "dirichlet"
    concentration = 0.2

    [grid]                                 # every composition of these that fits
    encoder = ["mlp", "spectral"]
    divergence = ["kl", "mmd"]
    epochs = 50                            # and settings that they share

    [peers.lda]                            # what another program found, see experiments/compare/peers.py
    topics = "lda/{corpus}-{n_topics}-{seed}.txt"
    theta = "lda/{corpus}-{n_topics}-{seed}.npy"

Paths are relative to the file's folder.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topicforge.errors import InputError, MixError, TopicForgeError, UnknownNameError
from topicforge.estimator.settings import flatten
from topicforge.estimator.topic_model import TopicModel
from topicforge.experiments.compare.cells import Cell
from topicforge.experiments.compare.chance import CHANCE
from topicforge.experiments.compare.score import OWN_SCORES
from topicforge.experiments.corpus_pair import CorpusPair
from topicforge.experiments.plan_file import names, read_corpora, read_toml, table, whole
from topicforge.registry import default_registry
from topicforge.wiring.composition import PARTS

DEFAULT_METRICS = (
    "npmi", "npmi_thinned", "npmi_held_out", "never_meet", "td", "purity", "nmi",
)  # fmt: skip
_KEYS = ("n_topics", "seeds", "metrics", "corpora", "compositions", "grid", "peers", "untrained",
         "chance")  # fmt: skip
#: of a peer
_FILES = ("topics", "theta", "topic_word", "facts")
_NOT_HERE = ("n_topics", "seed", "device", "vectorizer", "vocabulary", "callbacks", "verbose")


@dataclass(frozen=True)
class StudyPlan:
    """A study.

    Args:
        corpora: name -> where its documents are.
        compositions: name -> TopicModel's parameters.
        peers: name -> kind of file (``topics``, ``theta``, ``topic_word``, ``facts``) -> path with
            placeholders.
        n_topics: numbers of topics.
        seeds: one run each.
        metrics: names of metrics, of topicforge or of a plugin, the most important first.
        impossible: composition of the grid -> why its parts don't fit.
        chance: whether words and topics drawn at random take part.
    """

    corpora: Mapping[str, CorpusPair]
    compositions: Mapping[str, Mapping[str, Any]]
    peers: Mapping[str, Mapping[str, str]]
    n_topics: tuple[int, ...]
    seeds: tuple[int, ...]
    metrics: tuple[str, ...]
    impossible: Mapping[str, str] = field(default_factory=dict)
    chance: bool = False

    def cells(self) -> list[Cell]:
        """Return every run: seeds outermost, so that early results cover everything once."""
        contestants: list[tuple[str, Mapping[str, Any], Mapping[str, str]]] = [
            *([(CHANCE, {}, {})] if self.chance else []),
            *((name, {}, files) for name, files in self.peers.items()),
            *((name, settings, {}) for name, settings in self.compositions.items()),
        ]
        return [
            Cell(corpus, documents, name, settings, files, n_topics, seed, self.metrics)
            for seed in self.seeds
            for n_topics in self.n_topics
            for corpus, documents in self.corpora.items()
            for name, settings, files in contestants
        ]


def read_plan(path: Path) -> StudyPlan:
    """Read and check a study; every composition is checked, so that nothing fails hours later.

    Raises:
        InputError: unreadable, or not a study; the message names the key.
        UnknownNameError: an unknown key, metric, setting or component.
        MixError: parts of a named composition that don't fit.
    """
    where = f"compare: {path}"
    read = read_toml(path, where, _KEYS)
    metrics = names(read.get("metrics", list(DEFAULT_METRICS)), "metrics", where)
    for name in metrics:
        try:
            if name not in OWN_SCORES:
                default_registry().find("metric", name)
        except UnknownNameError as error:
            raise UnknownNameError(f"{where}: {error}") from error
    compositions = {
        name: _settings(settings, f"{where}: compositions.{name}")
        for name, settings in table(read, "compositions", where).items()
    }
    grid, impossible = _grid(read.get("grid", {}), where)
    twice = sorted(set(grid) & set(compositions))
    peers = {
        name: _files(files, f"{where}: peers.{name}", path.parent)
        for name, files in table(read, "peers", where).items()
    }
    twice += sorted({*peers, CHANCE} & {*grid, *compositions})
    if twice:
        raise InputError(f"{where}: {twice[0]!r} is the name of two contestants; rename one")
    if not (compositions or grid or peers):
        raise InputError(
            f"{where}: there is nothing to compare; write a table [compositions.NAME] or a [grid]"
        )
    if _flag(read, "untrained", where):
        own = {**compositions, **grid}
        nothing = {"epochs": 0, "training__pretrain_epochs": 0}
        grid |= {f"{name}, untrained": {**given, **nothing} for name, given in own.items()}
    chance = _flag(read, "chance", where)
    corpora = read_corpora(read, where, path.parent, vectors=True)
    for name, documents in corpora.items():
        if not documents.has_words:
            raise InputError(
                f"{where}: corpora.{name}: {documents.train} must have a vocabulary, since topics are "
                "scored as words; build it again with --vocab"
            )
    for name in (*corpora, *compositions, *grid, *peers):
        if not name or "/" in name or name.startswith("."):
            raise InputError(
                f"{where}: {name!r} names a folder too, so it can't hold / or start with ."
            )
    return StudyPlan(
        corpora,
        {**compositions, **grid},
        peers,
        _numbers(read.get("n_topics", 50), "n_topics", 1, where),
        _numbers(read.get("seeds", 0), "seeds", 0, where),
        metrics,
        impossible,
        chance,
    )


def _flag(read: Mapping[str, Any], key: str, where: str) -> bool:
    found = read.get(key, False)
    if not isinstance(found, bool):
        raise InputError(f"{where}: {key} must be true or false, got {found!r}")
    return found


def _settings(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InputError(f"{where} must be a table of settings, got {given!r}")
    settings = flatten(given, where)
    for name in settings:
        if name in _NOT_HERE:
            raise InputError(f"{where}: {name} is the study's to decide, not a composition's")
    try:
        TopicModel(**settings).explain()
    except TypeError as error:
        raise InputError(f"{where}: {error}") from error
    except TopicForgeError as error:
        raise type(error)(f"{where}: {error}") from error
    return settings


def _grid(given: Any, where: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Every composition of the parts that are lists; the others are the same in all."""
    if not isinstance(given, dict):
        raise InputError(f"{where}: grid must be a table, got {given!r}")
    axes = {kind: names(given[kind], f"grid.{kind}", where) for kind in PARTS
            if isinstance(given.get(kind), list)}  # fmt: skip
    shared = {key: value for key, value in given.items() if key not in axes}
    if given and not axes:
        raise InputError(
            f"{where}: grid must have a list of names for at least one of {', '.join(PARTS)}"
        )
    grid: dict[str, dict[str, Any]] = {}
    impossible: dict[str, str] = {}
    for chosen in itertools.product(*axes.values()) if axes else ():
        name = "+".join(chosen)
        try:
            grid[name] = _settings(
                {**shared, **dict(zip(axes, chosen, strict=True))}, f"{where}: grid {name}"
            )
        except MixError as error:
            impossible[name] = str(error).removeprefix(f"{where}: grid {name}: ")
    return grid, impossible


def _files(given: Any, where: str, folder: Path) -> dict[str, str]:
    if not isinstance(given, dict) or not isinstance(given.get("topics"), str):
        raise InputError(
            f'{where} must name files: topics = "PATH" and, if you like, theta, topic_word and facts'
        )
    for key, path in given.items():
        if key not in _FILES or not isinstance(path, str):
            raise InputError(f"{where}: {key} must be a path under {', '.join(_FILES)}")
        try:
            path.format(corpus="", n_topics=0, seed=0)
        except (KeyError, IndexError, ValueError) as error:
            raise InputError(
                f"{where}.{key}: placeholders are {{corpus}}, {{n_topics}} and {{seed}}, got {path!r}"
            ) from error
    return {key: str(folder / path) for key, path in given.items()}


def _numbers(given: Any, key: str, least: int, where: str) -> tuple[int, ...]:
    values = given if isinstance(given, list) and given else [given]
    return tuple(dict.fromkeys(whole(value, key, least, where) for value in values))
