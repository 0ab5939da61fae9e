"""Other programs enter a study through files: their topics, and if they like theta and timings.

topics    a topic a line, its words best first, separated by spaces
theta     .npy, (held-out documents, K)
topic_word .npy, (K, V) p(word | topic) in the corpus' columns, for the common read-out by relevance
facts      JSON, any of {"seconds": {"fit": 12.3}, "versions": {...}, "settings": {...}}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from topicforge.corpus import Corpus, read_lines
from topicforge.errors import CorpusError, InputError
from topicforge.experiments.compare.cells import Cell
from topicforge.experiments.compare.score import TOP, active, score, score_by_relevance
from topicforge.storage import map_array


def read_peer(cell: Cell) -> dict[str, Any]:
    """Return the record of a peer's cell, scored as a composition's is.

    Raises:
        InputError: a file is missing, unreadable, or of another shape than the study says.
    """
    paths = cell.paths()
    corpus, held_out = cell.documents.open()
    topics = _topics(paths["topics"], cell, corpus)
    shape = (held_out.n_documents, cell.n_topics)
    theta = _array(paths["theta"], shape) if "theta" in paths else None
    facts = _read_facts(paths["facts"]) if "facts" in paths else {}
    relevance = {}
    if "topic_word" in paths:
        shape = (cell.n_topics, corpus.vocab_size)
        topic_word = _array(paths["topic_word"], shape)
        relevance = score_by_relevance(cell, topic_word, corpus, held_out)
    return {
        "topics": topics,
        "scores": score(cell, topics, theta, corpus, held_out),
        "relevance": relevance,
        "active_topics": active(theta),
        **{key: facts.get(key, {}) for key in ("seconds", "settings", "versions")},
    }


def _topics(path: Path, cell: Cell, corpus: Corpus) -> list[list[str]]:
    try:
        topics = [line.split()[:TOP] for line in read_lines(path) if line.strip()]
    except CorpusError as error:
        raise InputError(f"compare: {error}; it must hold one topic per line") from error
    if len(topics) != cell.n_topics:
        raise InputError(f"compare: {path}: must hold {cell.n_topics} topics, got {len(topics)}")
    known = set(corpus.vocabulary or ())
    for number, topic in enumerate(topics):
        strange = [word for word in topic if word not in known]
        if strange:
            raise InputError(
                f"compare: {path}: words must be the corpus' own, but topic {number} has {strange[0]!r}"
            )
    return topics


def _array(path: Path, shape: tuple[int, int]) -> Any:
    try:
        array = map_array(path)
    except (OSError, ValueError) as error:
        raise InputError(f"compare: {path}: must be a .npy file of numbers: {error}") from error
    if array.shape != shape:
        raise InputError(f"compare: {path}: must have shape {shape}, got {array.shape}")
    return array


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"compare: {path}: must be JSON: {error}") from error
    if not isinstance(facts, dict):
        raise InputError(f"compare: {path}: must be a JSON object, got {type(facts).__name__}")
    return facts
