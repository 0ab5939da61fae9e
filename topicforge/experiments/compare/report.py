"""The report of a study: Markdown and figures beside the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from topicforge.experiments.compare.markdown import markdown
from topicforge.experiments.compare.plots import critical_difference, curves, pareto
from topicforge.experiments.compare.store import Record, Store, arrow
from topicforge.experiments.compare.summary import Summary
from topicforge.plot.axes import new_figure
from topicforge.storage import write_file


def check_extras() -> None:
    """See that :func:`write_report` has what it needs, before hours of training.

    Raises:
        MissingExtraError: without matplotlib or pyarrow.
    """
    arrow()
    new_figure()


def write_report(
    store: Store,
    records: Iterable[Record],
    summary: Summary,
    impossible: Mapping[str, str],
    others: Sequence[Summary] = (),
) -> list[Path]:
    """Write everything into the study's folder and return the files.

    Args:
        store: the study's folder.
        records: of its cells.
        summary: of these records.
        impossible: composition of a grid -> why its parts don't fit.
        others: of the same records with other orders of words.

    Raises:
        MissingExtraError: without matplotlib or pyarrow.
    """
    folder = store.folder
    records = list(records)
    store.export(records)
    written = [folder / "results.json", folder / "results.parquet", folder / "topics.parquet"]
    with write_file(folder / "summary.md") as file:
        file.write(markdown(summary, impossible, others).encode())
    written.append(folder / "summary.md")
    if pareto(summary, folder / "pareto.png"):
        written.append(folder / "pareto.png")
    kept = [record for record in records if record["status"] == "done"]
    for y in ("npmi_held_out", "npmi", "wec"):
        if y in summary.metrics and curves(kept, folder / f"curves-{y}.png", y):
            written.append(folder / f"curves-{y}.png")
    for metric, ranks in summary.ranks.items():
        if ranks.n_blocks > 1:
            path = folder / f"ranks-{metric}.png"
            critical_difference(ranks, metric, path)
            written.append(path)
    return written
