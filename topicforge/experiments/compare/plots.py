"""Pictures of a study: what coherence costs in diversity, and which ranks differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from topicforge.experiments.compare.statistics import Ranks
from topicforge.experiments.compare.summary import Line, Summary
from topicforge.plot.axes import new_figure
from topicforge.storage import write_file

_COLUMNS = 3


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the points that no other beats in one coordinate without losing in the other.

    Args:
        points: (x, y), higher is better in both.

    Returns:
        Their numbers, x rising.
    """
    kept = [
        i for i, (x, y) in enumerate(points)
        if not any((a >= x and b >= y) and (a > x or b > y) for a, b in points)
    ]  # fmt: skip
    return sorted(kept, key=lambda i: points[i])


def pareto(summary: Summary, path: Path, x: str = "td", y: str = "npmi") -> bool:
    """Draw y against x, a panel a table, the Pareto front as a line; False if a score is missing.

    Args:
        summary: of the study.
        path: the picture; its ending says which kind.
        x: metric of the horizontal axis.
        y: metric of the vertical axis.

    Raises:
        MissingExtraError: without matplotlib.
    """
    panels = [(corpus, k, _scored(summary.of(corpus, k), x, y)) for corpus, k in summary.tables()]
    panels = [panel for panel in panels if panel[2]]
    if not panels or x not in summary.metrics or y not in summary.metrics:
        return False
    names = list(dict.fromkeys(line.contestant for line in summary.lines))
    drawn, axes = _panels(len(panels), len(names))
    for ax, (corpus, k, lines) in zip(axes.flat, panels, strict=False):
        points = [(line.mean[x] or 0.0, line.mean[y] or 0.0) for line in lines]
        best = [points[i] for i in front(points)]
        ax.plot(*zip(*best, strict=True), color="0.75", zorder=1)
        for line, (a, b) in zip(lines, points, strict=True):
            number = names.index(line.contestant)
            ax.errorbar(
                a, b, xerr=line.deviation[x], yerr=line.deviation[y], color=f"C{number % 10}",
                marker="osD^v<>PX*"[number // 10 % 10], markersize=6, linewidth=0.8,
                linestyle="none", label=line.contestant, zorder=2,
            )  # fmt: skip
        ax.set_title(f"{corpus}, K = {k}")
        ax.set_xlabel(x)
        ax.set_ylabel(y)
    _legend(drawn, axes)
    with write_file(path) as file:
        drawn.savefig(file, format=path.suffix[1:], dpi=150, bbox_inches="tight")
    return True


def curves(records: Iterable[Mapping[str, Any]], path: Path, y: str) -> bool:
    """Draw y against td as lambda of relevance runs from 1 to 0, a panel a table; means over seeds.

    Contestants are compared where their curves have the same td. False if no cell has both scores.

    Args:
        records: of a study's cells.
        path: the picture; its ending says which kind.
        y: score of the vertical axis.

    Raises:
        MissingExtraError: without matplotlib.
    """
    panels: dict[tuple[str, int], dict[str, list[Any]]] = {}
    for record in records:
        points = [
            (scores.get("td"), scores.get(y)) for scores in record.get("relevance", {}).values()
        ]
        if points and not any(None in point for point in points):
            own = panels.setdefault((record["corpus"], record["n_topics"]), {})
            own.setdefault(record["contestant"], []).append(points)
    if not panels:
        return False
    names = list(dict.fromkeys(name for own in panels.values() for name in own))
    drawn, axes = _panels(len(panels), len(names))
    for ax, ((corpus, k), own) in zip(axes.flat, panels.items(), strict=False):
        for name, seeds in own.items():
            td, values = np.mean(np.array(seeds, dtype=float), axis=0).T
            number = names.index(name)
            ax.plot(
                td, values, color=f"C{number % 10}", marker="osD^v<>PX*"[number // 10 % 10],
                markersize=4, linewidth=1, label=name,
            )  # fmt: skip
        ax.set_title(f"{corpus}, K = {k}")
        ax.set_xlabel("td, from lambda = 1 to 0")
        ax.set_ylabel(y)
    _legend(drawn, axes)
    with write_file(path) as file:
        drawn.savefig(file, format=path.suffix[1:], dpi=150, bbox_inches="tight")
    return True


def _panels(count: int, contestants: int) -> tuple[Any, Any]:
    """A figure and its axes, those without a panel switched off."""
    columns = min(_COLUMNS, count)
    rows = math.ceil(count / columns)
    drawn = new_figure(4 * columns, 3.4 * rows + 0.3 * math.ceil(contestants / 4))
    axes = drawn.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[count:]:
        ax.set_axis_off()
    return drawn, axes


def _legend(drawn: Any, axes: Any) -> None:
    labels: dict[str, Any] = {}
    for ax in axes.flat:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            labels.setdefault(label, handle)
    drawn.legend(
        labels.values(),
        labels,
        loc="outside lower center",
        ncols=min(4, len(labels)),
        frameon=False,
    )


def critical_difference(ranks: Ranks, metric: str, path: Path) -> None:
    """Draw mean ranks on an axis, a bar under those that Nemenyi's test can't tell apart.

    Demšar 2006, figure 1.

    Args:
        ranks: of the metric.
        metric: for the title.
        path: the picture.

    Raises:
        MissingExtraError: without matplotlib.
    """
    k = len(ranks.names)
    groups = ranks.groups()
    left = (k + 1) // 2
    bars = 0.35 * len(groups)
    height = 1.1 + bars + 0.45 * left
    drawn = new_figure(8, 0.6 + 0.55 * height)
    ax = drawn.subplots()
    ax.set_axis_off()
    ax.set_xlim(0.55 - 0.35 * k, k + 0.45 + 0.35 * k)
    ax.set_ylim(-height, 0.9)
    ax.plot([1, k], [0, 0], color="black", linewidth=1)
    for tick in range(1, k + 1):
        ax.plot([tick, tick], [0, 0.12], color="black", linewidth=1)
        ax.text(tick, 0.18, str(tick), ha="center", va="bottom")
    for number, (first, last) in enumerate(groups):
        y = -0.3 - 0.35 * number
        ends = ranks.mean_ranks[first] - 0.03, ranks.mean_ranks[last] + 0.03
        ax.plot(ends, [y, y], color="black", linewidth=3, solid_capstyle="butt")
    for place, (name, mean) in enumerate(zip(ranks.names, ranks.mean_ranks, strict=True)):
        best = place < left
        y = -0.6 - bars - 0.45 * (place if best else k - 1 - place)
        end = 0.6 if best else k + 0.4
        ax.plot([mean, mean, end], [0, y, y], color="0.4", linewidth=0.8)
        ax.text(
            end + (-0.05 if best else 0.05), y, f"{name}  {mean:.2f}" if best else f"{mean:.2f}  {name}",
            ha="right" if best else "left", va="center",
        )  # fmt: skip
    told = f"{ranks.test}: p = {ranks.p_value:.2g}"
    if not math.isnan(ranks.critical_difference):
        told += f", critical difference {ranks.critical_difference:.2f}"
    ax.set_title(f"{metric}: mean rank over {ranks.n_blocks} corpora (1 is best)\n{told}")
    with write_file(path) as file:
        drawn.savefig(file, format=path.suffix[1:], dpi=150, bbox_inches="tight")


def _scored(lines: Sequence[Line], x: str, y: str) -> list[Line]:
    return [z for z in lines if z.mean.get(x) is not None and z.mean.get(y) is not None]
