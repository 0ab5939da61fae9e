"""What chance reaches: the scores of topics and theta that know nothing but how often words occur."""

from __future__ import annotations

from typing import Any

import numpy as np

from topicforge.experiments.compare.cells import Cell
from topicforge.experiments.compare.score import TOP, active, score

#: the contestant's name
CHANCE = "chance"


def draw(cell: Cell) -> dict[str, Any]:
    """Return the record of a cell: words drawn by their frequency, one topic per document drawn uniformly.

    Each topic's words are drawn without replacement with probability p(v), their share of the training
    tokens; each held-out document belongs to one topic wholly.
    """
    corpus, held_out = cell.documents.open()
    random = np.random.default_rng(cell.seed)
    totals = corpus.counts.word_totals()
    top = min(TOP, int((totals > 0).sum()))
    words = np.array(corpus.vocabulary, dtype=object)
    topics = [
        words[random.choice(len(totals), top, replace=False, p=totals / totals.sum())].tolist()
        for _ in range(cell.n_topics)
    ]
    chosen = random.integers(cell.n_topics, size=held_out.n_documents)
    theta = np.eye(cell.n_topics, dtype=np.float32)[chosen]
    return {
        "topics": topics,
        "ranked_by": "chance",
        "scores": score(cell, topics, theta, corpus, held_out),
        "active_topics": active(theta),
        **{key: {} for key in ("relevance", "seconds", "settings", "versions")},
    }
