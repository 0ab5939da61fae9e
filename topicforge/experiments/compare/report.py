"""What a study leaves behind for people: Markdown and pictures beside the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from topicforge.experiments.compare.markdown import markdown
from topicforge.experiments.compare.plots import critical_difference, pareto
from topicforge.experiments.compare.store import Record, Store
from topicforge.experiments.compare.summary import Summary


def write_report(
    store: Store, records: Iterable[Record], summary: Summary, impossible: Mapping[str, str]
) -> list[Path]:
    """Write everything into the study's folder and return the files.

    Args:
        store: the study's folder.
        records: of its cells.
        summary: of these records.
        impossible: mix of a grid -> why its parts don't fit.

    Raises:
        MissingExtraError: without matplotlib or pyarrow.
    """
    folder = store.folder
    store.export(records)
    written = [folder / "results.json", folder / "results.parquet", folder / "topics.parquet"]
    text = folder / "summary.md"
    text.write_text(markdown(summary, impossible), encoding="utf-8")
    written.append(text)
    if pareto(summary, folder / "pareto.png"):
        written.append(folder / "pareto.png")
    for metric, ranking in summary.rankings.items():
        if ranking.n_blocks > 1:
            path = folder / f"ranks-{metric}.png"
            critical_difference(ranking, metric, path)
            written.append(path)
    return written
