"""Train and score one cell of a composition."""

from __future__ import annotations

import platform
import time
import warnings
from dataclasses import asdict
from importlib import metadata
from typing import Any

from topicforge._version import __version__
from topicforge.estimator.topic_model import TopicModel
from topicforge.experiments.compare.cells import Cell
from topicforge.experiments.compare.score import TOP, active, score, score_by_relevance


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
        "weights": [list(row.weights) for row in model.topic_table(top=min(TOP, corpus.vocab_size))],
        "ranked_by": model.ranked_by(),
        "scores": score(cell, topics, theta, corpus, held_out, completion=model.completion),
        "relevance": score_by_relevance(cell, model.topic_word_, corpus, held_out),
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
