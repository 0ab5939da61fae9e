"""A study's outcome as Markdown, to paste and to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from topicforge.experiments.compare.summary import Line, Summary


def markdown(
    summary: Summary, impossible: Mapping[str, str], others: Sequence[Summary] = ()
) -> str:
    """Return all tables, the ranks, what failed and what is impossible.

    Args:
        summary: of the study.
        others: with other orders of words.
        impossible: composition of a grid -> why its parts don't fit.
    """
    blocks = [block for one in (summary, *others) for block in _blocks(one)]
    if summary.failed:
        text = "\n".join(
            f"- {title}: {reason.strip().splitlines()[-1]}" for title, reason in summary.failed
        )
        blocks.append(f"## Failed\n\n{text}")
    if impossible:
        text = "\n".join(f"- {composition}: {why}" for composition, why in impossible.items())
        blocks.append(f"## Impossible\n\n{text}")
    return "\n\n".join(blocks) + "\n"


def _blocks(summary: Summary) -> list[str]:
    blocks: list[str] = []
    for corpus, n_topics in summary.tables():
        lines = summary.of(corpus, n_topics)
        rows = [[line.contestant, *cells(line, summary.metrics)] for line in lines]
        title = f"## {corpus}, K = {n_topics}: {summary.order}"
        blocks.append(f"{title}\n\n" + _table(headings(summary.metrics), rows))
    if summary.ranks:
        table = _table(["contestant", *summary.ranks], mean_ranks(summary))
        tests = "\n".join(f"- {_test(summary, metric)}" for metric in summary.ranks)
        title = f"## Mean rank over corpora, 1 is best: {summary.order}"
        blocks.append(f"{title}\n\n{table}\n\n{tests}")
    return blocks


def headings(metrics: tuple[str, ...]) -> list[str]:
    """Return the columns of a table of :func:`cells`."""
    return ["contestant", *metrics, "topics in use", "seconds", "seeds"]


def cells(line: Line, metrics: tuple[str, ...]) -> list[str]:
    """Return a line's numbers as text: mean ± standard deviation, a dash where nothing is known."""
    text = []
    for metric in metrics:
        mean = line.mean[metric]
        spread = f" ± {line.deviation[metric]:.3f}" if line.runs > 1 else ""
        text.append("–" if mean is None else f"{mean:.3f}{spread}")
    active = "–" if line.active_topics is None else f"{line.active_topics:.0f}"
    seconds = "–" if line.seconds is None else f"{line.seconds:.1f}"
    return [*text, active, seconds, str(line.runs)]


def mean_ranks(summary: Summary) -> list[list[str]]:
    """Return a row a contestant, the best on average first: name, mean rank by each metric."""
    by_metric = {
        metric: dict(zip(ranks.names, ranks.mean_ranks, strict=True))
        for metric, ranks in summary.ranks.items()
    }
    ranks = {
        name: [own.get(name) for own in by_metric.values()]
        for name in dict.fromkeys(name for own in by_metric.values() for name in own)
    }
    order = sorted(ranks, key=lambda name: np.mean([r for r in ranks[name] if r is not None]))
    return [[name, *("–" if r is None else f"{r:.2f}" for r in ranks[name])] for name in order]


def _test(summary: Summary, metric: str) -> str:
    ranks = summary.ranks[metric]
    text = f"{metric}: {ranks.test}"
    if ranks.n_blocks > 1:
        text += (
            f" over {ranks.n_blocks} corpora, p = {ranks.p_value:.2g}; ranks closer than "
            f"{ranks.critical_difference:.2f} do not differ (Nemenyi, 0.05)"
        )
    missing = summary.left_out[metric]
    return text + (f"; without a value everywhere: {', '.join(missing)}" if missing else "")


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
