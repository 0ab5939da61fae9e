"""From records to a table: mean and standard deviation over seeds, ranks over corpora."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from topicforge.experiments.compare.chance import CHANCE
from topicforge.experiments.compare.score import COMMON, higher_is_better, reads_words_alone
from topicforge.experiments.compare.statistics import Ranks, rank

#: of the comparison at equal diversity
EQUAL_TD = 0.8


@dataclass(frozen=True)
class Line:
    """One contestant on one corpus with one K.

    Args:
        corpus, contestant, n_topics: which.
        runs: seeds that are done.
        mean: metric -> mean over those seeds; ``None`` where it was not scored.
        deviation: metric -> standard deviation (n - 1), 0 for one seed.
        seconds: mean time to fit, ``None`` where nobody told.
        active_topics: mean, ``None`` where there was no theta.
    """

    corpus: str
    contestant: str
    n_topics: int
    runs: int
    mean: Mapping[str, float | None]
    deviation: Mapping[str, float]
    seconds: float | None
    active_topics: float | None


@dataclass(frozen=True)
class Summary:
    """A study's outcome.

    Args:
        metrics: names.
        lines: corpus by corpus, K by K.
        ranks: metric -> ranks over corpora, of the contestants that are done on all of them;
            without metrics that do not state which direction is better.
        left_out: metric -> contestants without a value on every corpus.
        failed: (title, reason) of the cells that failed.
        order: how the contestants' words are ordered.
    """

    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    ranks: Mapping[str, Ranks]
    left_out: Mapping[str, tuple[str, ...]]
    failed: tuple[tuple[str, str], ...]
    order: str = "each contestant's own order of words"

    def of(self, corpus: str, n_topics: int) -> list[Line]:
        """Return the lines of one table."""
        return [x for x in self.lines if x.corpus == corpus and x.n_topics == n_topics]

    def tables(self) -> list[tuple[str, int]]:
        """Return (corpus, K) of every table."""
        return list(dict.fromkeys((line.corpus, line.n_topics) for line in self.lines))


def by_relevance(records: Iterable[Mapping[str, Any]], metrics: Sequence[str]) -> list[Summary]:
    """Return the outcome with one order of words for all contestants, of the scores of words alone.

    First by relevance with lambda = 0.6; then at equal diversity, where ``td`` is scored: each score where
    td is 0.8, linear between the two lambdas around it, and missing where the contestant's td is above or
    below that at every lambda. Empty where no cell has topics to order.

    Args:
        records: as of :func:`summarise`.
        metrics: which scores.
    """
    kept = [r for r in records if r["status"] == "done" and r.get("relevance")]
    names = [name for name in metrics if reads_words_alone(name)]
    if not (kept and names):
        return []
    common = [{**r, "scores": r["relevance"][f"{COMMON:g}"]} for r in kept]
    found = [replace(summarise(common, names), order=f"relevance, lambda = {COMMON:g}")]
    others = [name for name in names if name != "td"]
    if others and len(others) < len(names):
        equal = [{**r, "scores": _at_equal_td(r["relevance"], others)} for r in kept]
        title = f"relevance, at td = {EQUAL_TD:g}"
        found.append(replace(summarise(equal, others), order=title))
    return found


def _at_equal_td(curve: Mapping[str, Mapping[str, float | None]], names: Sequence[str]) -> Any:
    points = sorted(curve.values(), key=lambda scores: scores["td"] or 0.0)
    td = [scores["td"] or 0.0 for scores in points]
    values: dict[str, float | None] = {}
    for name in names:
        y = [scores[name] for scores in points]
        inside = td[0] <= EQUAL_TD <= td[-1] and None not in y
        values[name] = float(np.interp(EQUAL_TD, td, np.array(y, dtype=float))) if inside else None
    return values


def summarise(records: Iterable[Mapping[str, Any]], metrics: Sequence[str]) -> Summary:
    """Average over seeds, then rank over corpora (a corpus' values averaged over K).

    Args:
        records: of :class:`~topicforge.experiments.compare.store.Store`.
        metrics: which scores.
    """
    kept = list(records)
    done = [record for record in kept if record["status"] == "done"]
    groups: dict[tuple[str, int, str], list[Mapping[str, Any]]] = {}
    for record in done:
        key = (record["corpus"], record["n_topics"], record["contestant"])
        groups.setdefault(key, []).append(record)
    lines = [_line(key, group, metrics) for key, group in groups.items()]
    order = {corpus: place for place, corpus in enumerate(dict.fromkeys(x["corpus"] for x in kept))}
    lines.sort(key=lambda line: (order[line.corpus], line.n_topics))
    ranks: dict[str, Ranks] = {}
    left_out: dict[str, tuple[str, ...]] = {}
    for metric in metrics:
        values, missing = _blocks([x for x in lines if x.contestant != CHANCE], metric)
        left_out[metric] = missing
        if len(values) > 1:
            table = np.array(list(values.values()), dtype=np.float64).T
            better = higher_is_better(metric)
            if better is not None:
                ranks[metric] = rank(tuple(values), table if better else -table)
    failed = tuple(
        (f"{r['corpus']}, {r['contestant']}, K = {r['n_topics']}, seed {r['seed']}", r["error"])
        for r in kept
        if r["status"] == "failed"
    )
    return Summary(tuple(metrics), tuple(lines), ranks, left_out, failed)


def _line(
    key: tuple[str, int, str], group: Sequence[Mapping[str, Any]], metrics: Sequence[str]
) -> Line:
    corpus, n_topics, contestant = key
    mean: dict[str, float | None] = {}
    deviation: dict[str, float] = {}
    for metric in metrics:
        values = [record["scores"].get(metric) for record in group]
        whole = None not in values
        mean[metric] = float(np.mean(values)) if whole else None
        deviation[metric] = float(np.std(values, ddof=1)) if whole and len(values) > 1 else 0.0
    seconds = [record["seconds"]["fit"] for record in group if "fit" in record["seconds"]]
    active = [record["active_topics"] for record in group if record["active_topics"] is not None]
    return Line(
        corpus, contestant, n_topics, len(group), mean, deviation,
        float(np.mean(seconds)) if seconds else None,
        float(np.mean(active)) if active else None,
    )  # fmt: skip


def _blocks(lines: Sequence[Line], metric: str) -> tuple[dict[str, list[float]], tuple[str, ...]]:
    """Contestant -> value on each corpus, for those that have one everywhere; and the others."""
    scored = [line for line in lines if line.mean[metric] is not None]
    tables = {(line.corpus, line.n_topics) for line in scored}
    corpora = sorted({corpus for corpus, _ in tables})
    names = dict.fromkeys(line.contestant for line in lines)
    values: dict[str, list[float]] = {}
    for name in names:
        own = {(x.corpus, x.n_topics): x.mean[metric] for x in scored if x.contestant == name}
        if tables and set(own) == tables:
            values[name] = [
                float(np.mean([v for (c, _), v in own.items() if c == corpus and v is not None]))
                for corpus in corpora
            ]
    missing = tuple(name for name in names if name not in values) if tables else ()
    return values, missing
