"""``topicforge compare``: a study from one TOML file -> tables and pictures."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topicforge.cli.output import new_table, note, print_json, print_tables

if TYPE_CHECKING:
    from topicforge.experiments.compare import Cell, Summary


def compare(
    study: Annotated[
        Path,
        typer.Argument(metavar="STUDY", help="A .toml file with corpora, compositions and seeds."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="The folder for results; what is in it already is not run again.",
        ),
    ],
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="The number of processes.", show_default="one per core"),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run cells that failed again.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Train and score compositions on several corpora with several seeds, and rank them.

    The same command continues after an interruption: what is done is not run again.
    """
    from topicforge.experiments.compare import Store, by_relevance, read_plan, run, summarise
    from topicforge.experiments.compare.report import check_extras, write_report

    check_extras()
    plan = read_plan(study)
    cells = plan.cells()
    store = Store(output)
    known = sum(store.is_done(cell, retry_failed=retry_failed) for cell in cells)
    contestants = len(plan.compositions) + len(plan.peers) + plan.chance
    note(
        f"{len(cells):,} cells: {len(plan.corpora)} corpora x {contestants} contestants x "
        f"{len(plan.n_topics)} numbers of topics x {len(plan.seeds)} seeds; {known:,} known already"
    )
    for composition, why in plan.impossible.items():
        note(f"left out {composition}: {why}")
    done, began = known, time.monotonic()

    def report(cell: Cell, record: dict[str, Any]) -> None:
        nonlocal done
        done += 1
        if record["status"] == "failed":
            how = "failed: " + record["error"].strip().splitlines()[-1]
        else:
            how = ", ".join(
                f"{name} {value:.3f}"
                for name, value in record["scores"].items()
                if value is not None
            )
        left = len(cells) - done
        seconds = (time.monotonic() - began) / (done - known) * left
        then = f"; about {timedelta(seconds=round(seconds))} left" if left > 0 else ""
        note(f"{min(done, len(cells))}/{len(cells)} {cell.title}: {how}{then}")

    run(cells, store, jobs=jobs, retry_failed=retry_failed, on_done=report)
    records = store.records(cells)
    summary = summarise(records, plan.metrics)
    others = by_relevance(records, plan.metrics)
    written = write_report(store, records, summary, plan.impossible, others)
    if json:
        orders = {one.order: [asdict(line) for line in one.lines] for one in others}
        lines = [asdict(line) for line in summary.lines]
        print_json({"lines": lines, "other_orders": orders, "written": written})
    else:
        _print(summary, *others)
    note(f"written: {', '.join(str(path) for path in written)}")
    if summary.failed:
        note(f"{len(summary.failed)} cells failed; --retry-failed runs them again")
        raise typer.Exit(1)


def _print(*summaries: Summary) -> None:
    from topicforge.experiments.compare.markdown import cells, headings, mean_ranks

    tables = []
    for summary in summaries:
        for corpus, n_topics in summary.tables():
            names = headings(summary.metrics)
            title = f"{corpus}, K = {n_topics}: {summary.order}".upper()
            table = new_table(*names, title=title, right=names[1:])
            for line in summary.of(corpus, n_topics):
                table.add_row(line.contestant, *cells(line, summary.metrics))
            tables.append(table)
        if summary.ranks:
            names = ["contestant", *summary.ranks]
            title = f"MEAN RANK OVER CORPORA, 1 IS BEST: {summary.order.upper()}"
            table = new_table(*names, title=title, right=names[1:])
            for row in mean_ranks(summary):
                table.add_row(*row)
            tables.append(table)
    print_tables(*tables)
