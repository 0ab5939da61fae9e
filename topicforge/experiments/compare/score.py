"""Scores of one cell, by the same rules whoever found its topics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from topicforge.corpus import Corpus
from topicforge.evaluation import evaluate
from topicforge.experiments.compare.cells import Cell
from topicforge.registry import default_registry

#: words per topic that are kept: what topic diversity reads
TOP = 25


def score(
    cell: Cell, topics: Sequence[Sequence[str]], theta: Any, train: Corpus, held_out: Corpus
) -> dict[str, float | None]:
    """Return metric -> value; ``None`` where the corpus has no labels or the peer no theta.

    Args:
        cell: says which metrics.
        topics: K lists of words, best first.
        theta: (documents of held_out, K), or ``None``.
        train: the reference of coherence.
        held_out: its labels are what theta is compared with.
    """
    registry = default_registry()
    given = {
        "bow": train.counts.to_scipy(),
        "vocabulary": train.vocabulary,
        "theta": theta,
        "labels": held_out.labels,
        "reference": train.name,
        "documents": held_out.name,
    }
    possible = [
        name
        for name in cell.metrics
        if all(any(given.get(one) is not None for one in need.split("|"))
               for need in registry.find("metric", name).needs)
    ]  # fmt: skip
    found = evaluate(topics, metrics=possible, registry=registry, **given) if possible else {}
    values = {name: found[name].value if name in found else None for name in cell.metrics}
    return {k: v if v is not None and math.isfinite(v) else None for k, v in values.items()}


def active(theta: Any) -> int | None:
    """Topics that are the largest of at least one document."""
    return None if theta is None else len(np.unique(np.asarray(theta).argmax(1)))
