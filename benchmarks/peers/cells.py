"""Shared by the peers' scripts: the cells of a study that are left to run, and the files to write."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from topicforge.corpus import Corpus
from topicforge.experiments.compare import Cell, read_plan

#: words kept per topic
TOP = 25


def arguments(
    peer: str, about: str, more: Callable[[argparse.ArgumentParser], None] | None = None
) -> argparse.Namespace:
    """Read the command line: a study, and the peer's name in it.

    Args:
        peer: default of that name.
        about: the script's description.
        more: adds further options.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("study", type=Path, help="the .toml file of `topicforge compare`")
    parser.add_argument("--peer", default=peer, help="NAME of the table [peers.NAME] in the study")
    parser.add_argument("--threads", type=int, default=1, help="threads of the peer")
    if more is not None:
        more(parser)
    return parser.parse_args()


def unfinished(study: Path, peer: str) -> Iterator[tuple[Cell, Corpus, Corpus]]:
    """Yield the peer's cells that have no topics file yet, with their documents."""
    own = [cell for cell in read_plan(study).cells() if cell.files and cell.contestant == peer]
    if not own:
        raise SystemExit(f"{study} has no table [peers.{peer}]")
    for cell in own:
        if not cell.paths()["topics"].is_file():
            print(cell.title, flush=True)
            yield cell, *cell.documents.open()


def words_of(corpus: Corpus) -> list[list[str]]:
    """Return each document as a list of words, each as often as it was counted."""
    counts, vocabulary = corpus.counts, np.array(corpus.vocabulary, dtype=object)
    repeats = np.asarray(counts.counts).astype(int)
    return [
        vocabulary[counts.indices[start:stop]].repeat(repeats[start:stop]).tolist()
        for start, stop in zip(counts.indptr[:-1], counts.indptr[1:], strict=True)
    ]


def top_words(topic_word: Any, vocabulary: Sequence[str]) -> list[list[str]]:
    """Return the TOP most probable words of each row of (K, V)."""
    order = np.argsort(-np.asarray(topic_word), axis=1, kind="stable")[:, :TOP]
    return [[vocabulary[v] for v in row] for row in order]


def write(
    cell: Cell,
    topics: Sequence[Sequence[str]],
    theta: Any,
    seconds: Mapping[str, float],
    settings: Mapping[str, Any],
    packages: Sequence[str],
    topic_word: Any = None,
) -> None:
    """Write the cell's files; the topics last, because their file marks the cell as finished."""
    paths = cell.paths()
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    for kind, array in (("theta", theta), ("topic_word", topic_word)):
        if kind in paths and array is not None:
            with paths[kind].open("wb") as file:
                np.save(file, np.asarray(array, dtype=np.float32), allow_pickle=False)
    if "facts" in paths:
        facts = {
            "seconds": seconds,
            "settings": settings,
            "versions": {name: metadata.version(name) for name in packages},
        }
        paths["facts"].write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    fresh = paths["topics"].with_name(f".{paths['topics'].name}-{os.getpid()}")
    fresh.write_text("".join(" ".join(topic) + "\n" for topic in topics), encoding="utf-8")
    fresh.replace(paths["topics"])
