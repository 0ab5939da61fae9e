"""Train and score one cell of a composition."""

from __future__ import annotations

import platform
import time
import warnings
from dataclasses import asdict
from importlib import metadata
from typing import Any

from topicforge._version import __version__
from topicforge.corpus import Corpus
from topicforge.errors import InputError
from topicforge.estimator.topic_model import TopicModel
from topicforge.experiments.compare.cells import Cell
from topicforge.experiments.compare.score import TOP, active, score


def train(cell: Cell) -> dict[str, Any]:
    """Return the record of a cell: settings, versions, timings, scores, topics."""
    corpus, held_out = cell.documents.open()
    model = TopicModel(**cell.settings, n_topics=cell.n_topics, seed=cell.seed)
    with warnings.catch_warnings():
        # of empty documents, once per cell
        warnings.simplefilter("ignore", UserWarning)
        began = time.perf_counter()
        model.fit(corpus)
        fitted = time.perf_counter()
        theta = model.transform(held_out)
        ended = time.perf_counter()
    topics = [[str(word) for word in topic] for topic in model.topics(min(TOP, corpus.vocab_size))]
    parts = model.settings_.composition.parts
    return {
        "topics": topics,
        "scores": score(cell, topics, theta, corpus, held_out),
        "weights": [list(row.weights) for row in model.topic_table(top=min(TOP, corpus.vocab_size))],
        "log_likelihood": None if cell.documents.held_out is None else _likelihood(model, held_out),
        "active_topics": active(theta),
        "seconds": {"fit": fitted - began, "transform": ended - fitted},
        "settings": {
            "preset": model.settings_.preset,
            **{kind: {"name": part.spec.qualified_name, **part.options}
               for kind, part in parts.items()},
            "training": asdict(model.settings_.training),
        },
        "versions": {
            "python": platform.python_version(),
            "topicforge": __version__,
            **{name: metadata.version(name) for name in ("torch", "numpy", "scipy")},
            **{part.spec.distribution: part.spec.version for part in parts.values()
               if part.spec.distribution},
        },
    }  # fmt: skip


def _likelihood(model: TopicModel, held_out: Corpus) -> float | None:
    """Mean log-likelihood of a held-out word in nats; ``None`` where no document has two tokens."""
    try:
        return model.score(held_out)
    except InputError:
        return None
