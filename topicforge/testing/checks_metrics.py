"""Checks of metrics: they read what they say, repeat, and leave their input alone."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import numpy as np
import scipy.sparse as sp

from topicforge.evaluation import MetricInput, MetricSpec
from topicforge.evaluation.metric import compute
from topicforge.testing.specs import title_of
from topicforge.testing.suite import check_for, raising_nothing, require
from topicforge.testing.toys import N_TOPICS, VOCAB_SIZE, toy_counts


def toy_metric_input(*needs: str) -> dict[str, Any]:
    """Return the toy inputs of these names."""
    rng = np.random.default_rng(0)
    counts = toy_counts()
    words = tuple(f"word{v}" for v in range(VOCAB_SIZE))
    theta = rng.dirichlet(np.full(N_TOPICS, 0.3), counts.shape[0])
    topic_word = rng.dirichlet(np.full(VOCAB_SIZE, 0.3), N_TOPICS)
    halves = counts.copy(), counts.copy()
    given = {
        "vocabulary": words,
        "bow": counts,
        "texts": [
            [w for w, n in zip(words, row, strict=True) for _ in range(int(n))]
            for row in counts.toarray()
        ],
        "word_vectors": rng.normal(size=(VOCAB_SIZE, 5)),
        "theta": theta,
        "labels": [int(k) for k in theta.argmax(1)],
        "transform": lambda X: np.full((X.shape[0], N_TOPICS), 1 / N_TOPICS),
        "topic_word": topic_word,
        "completion": lambda _, second: -4.0 * np.asarray(second.sum(1)).ravel(),
        "heldout": counts,
        "halves": halves,
    }
    return {name: given[name] for name in needs}


def choices(spec: MetricSpec) -> list[tuple[str, ...]]:
    """Return every way to meet a metric's needs, ``a|b`` by a or by b."""
    return list(itertools.product(*(need.split("|") for need in spec.needs)))


def _topics(topic_word: Any) -> list[list[str]]:
    return [[f"word{v}" for v in row.argsort()[::-1][:10]] for row in topic_word]


def _value(spec: MetricSpec, inputs: dict[str, Any]) -> float:
    topics = _topics(toy_metric_input("topic_word")["topic_word"])
    given = ", ".join(sorted(inputs)) or "the topics"
    must = "it must work with what it states that it needs"
    change = "name every input that it reads in needs=, or ask given.has(name) first"
    with raising_nothing(title_of(spec), f"a call with {given}", must, change):
        return float(compute(spec, MetricInput(topics, **inputs), {}).value)


@check_for("metric")
def check_metric_needs(spec: MetricSpec) -> None:
    """A metric works with the topics and what its ``needs`` name, and gives a number or a Score.

    Where it needs one of two inputs, each of them does. The number is not infinite.
    """
    for needs in choices(spec):
        value = _value(spec, toy_metric_input(*needs))
        require(
            not math.isinf(value), title_of(spec), f"gave {value}", "it must give a finite number",
            "say in needs what it reads, and what it does with empty topics",
        )  # fmt: skip


@check_for("metric")
def check_metric_repeats(spec: MetricSpec) -> None:
    """The same input gives the same value twice, and the input is left as it was.

    All metrics of an evaluation share one input; what is random takes ``given.seed``.
    """
    inputs = toy_metric_input(*choices(spec)[0])
    before = copy.deepcopy({k: v for k, v in inputs.items() if k != "transform"})
    first, second = _value(spec, inputs), _value(spec, inputs)
    same = first == second or (math.isnan(first) and math.isnan(second))
    require(
        same, title_of(spec), f"gave {first} and then {second} for one input",
        "a score must repeat", "draw with numpy.random.default_rng(given.seed)",
    )  # fmt: skip
    changed = [name for name, value in before.items() if not _equal(value, inputs[name])]
    require(
        not changed, title_of(spec), f"changed its input: {', '.join(changed)}",
        "all metrics share the input", "copy before you write",
    )  # fmt: skip


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, sp.csr_matrix):
        return bool(np.array_equal(a.toarray(), b.toarray()))
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else bool(a == b)
