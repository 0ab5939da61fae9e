"""Two pictures of a study: what coherence costs in diversity, and which ranks differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topicforge.experiments.compare.statistics import Ranking
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
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    drawn = new_figure(4 * columns, 3.4 * rows + 0.3 * math.ceil(len(names) / 4))
    axes = drawn.subplots(rows, columns, squeeze=False)
    for place, ax in enumerate(axes.flat):
        if place >= len(panels):
            ax.set_axis_off()
            continue
        corpus, k, lines = panels[place]
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
    with write_file(path) as file:
        drawn.savefig(file, format=path.suffix[1:], dpi=150, bbox_inches="tight")
    return True


def critical_difference(ranking: Ranking, metric: str, path: Path) -> None:
    """Draw mean ranks on an axis, a bar under those that Nemenyi's test can't tell apart.

    Demšar 2006, figure 1.

    Args:
        ranking: of the metric.
        metric: for the title.
        path: the picture.

    Raises:
        MissingExtraError: without matplotlib.
    """
    k = len(ranking.names)
    groups = ranking.groups()
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
        ends = ranking.mean_ranks[first] - 0.03, ranking.mean_ranks[last] + 0.03
        ax.plot(ends, [y, y], color="black", linewidth=3, solid_capstyle="butt")
    for place, (name, mean) in enumerate(zip(ranking.names, ranking.mean_ranks, strict=True)):
        best = place < left
        y = -0.6 - bars - 0.45 * (place if best else k - 1 - place)
        end = 0.6 if best else k + 0.4
        ax.plot([mean, mean, end], [0, y, y], color="0.4", linewidth=0.8)
        ax.text(
            end + (-0.05 if best else 0.05), y, f"{name}  {mean:.2f}" if best else f"{mean:.2f}  {name}",
            ha="right" if best else "left", va="center",
        )  # fmt: skip
    told = f"{ranking.test}: p = {ranking.p_value:.2g}"
    if not math.isnan(ranking.critical_difference):
        told += f", critical difference {ranking.critical_difference:.2f}"
    ax.set_title(f"{metric}: mean rank over {ranking.n_blocks} corpora (1 is best)\n{told}")
    with write_file(path) as file:
        drawn.savefig(file, format=path.suffix[1:], dpi=150, bbox_inches="tight")


def _scored(lines: Sequence[Line], x: str, y: str) -> list[Line]:
    return [z for z in lines if z.mean.get(x) is not None and z.mean.get(y) is not None]
