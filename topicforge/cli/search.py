"""``topicforge search``: ranges of settings from one TOML file -> the best of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topicforge.cli.output import new_table, note, print_json, print_tables

if TYPE_CHECKING:
    from topicforge.experiments.search import Found, Tried

_SHOWN = 10


def search(
    plan: Annotated[
        Path,
        typer.Argument(
            metavar="SEARCH", help="A .toml file with corpora, settings and the space to search."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="The folder for the search; trials in it are not run again.",
        ),
    ],
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", "-n", help="The number of trials in all.", show_default="the file's"
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", help="The number of trials at a time, each in a process.")
    ] = 1,
    no_pruning: Annotated[
        bool, typer.Option("--no-pruning", help="Run every trial to its last epoch.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Search for the settings that are best on held-out documents.

    The same command continues after an interruption: what is done is not run again.
    """
    from topicforge.experiments.search import read_plan, write_report
    from topicforge.experiments.search import search as run

    read = read_plan(plan)
    total = trials if trials is not None else read.trials
    best: Tried | None = None

    def report(trial: Tried) -> None:
        nonlocal best
        if trial.status in ("impossible", "failed"):
            how = f"{trial.status}: " + (trial.error or "").strip().splitlines()[-1]
        else:
            how = f"{read.objective.name} {trial.value:.6g}"
            if trial.same_as is not None:
                how += f", the settings of trial {trial.same_as + 1}"
            elif trial.status == "pruned":
                how += f", stopped after {trial.epochs} of {trial.planned} epochs"
            elif best is None or _better(trial, best, read.objective.higher_is_better):
                best = trial
                how += ", the best of this run"
        note(f"trial {trial.number + 1}/{total}: {how}")

    found = run(read, output, trials=trials, jobs=jobs, prune=not no_pruning, on_done=report)
    written = write_report(output, read, found)
    if json:
        print_json(
            {
                "objective": found.objective,
                "direction": "maximize" if found.higher_is_better else "minimize",
                "best": None if found.best is None else asdict(found.best),
                "trials": [asdict(trial) for trial in found.trials],
                "importance": found.importance,
                "written": written,
            }
        )
    else:
        _print(found)
    run_epochs = sum(trial.epochs for trial in found.trials)
    planned = sum(trial.planned for trial in found.trials)
    if planned:
        note(f"{run_epochs:,} of {planned:,} epochs were run, {run_epochs / planned:.0%}")
    note(f"written: {', '.join(str(path) for path in written)}")
    if found.best is None:
        note("no trial ran to its end, so there are no best settings; the table says why")
        raise typer.Exit(1)


def _better(one: Tried, other: Tried, larger: bool) -> bool:
    return ((one.value or 0.0) > (other.value or 0.0)) == larger


def _print(found: Found) -> None:
    names = list(dict.fromkeys(name for trial in found.ranked[:_SHOWN] for name in trial.drawn))
    title = f"BEST OF {len(found.trials)} TRIALS"
    columns = ["trial", found.objective, *names]
    table = new_table(*columns, title=title, right=columns[:2])
    for trial in found.ranked[:_SHOWN]:
        values = [_text(trial.drawn.get(name, "-")) for name in names]
        table.add_row(str(trial.number + 1), f"{trial.value:.6g}", *values)
    tables = [table] if found.ranked else []
    troubled = [trial for trial in found.trials if trial.status in ("impossible", "failed")]
    if troubled:
        table = new_table("trial", "status", "why", title="WITHOUT A VALUE", right=["trial"])
        for trial in troubled[:_SHOWN]:
            why = (trial.error or "").strip().splitlines()[-1]
            table.add_row(str(trial.number + 1), trial.status, why)
        tables.append(table)
    if found.importance:
        table = new_table("setting", "share", title="IMPORTANCE", right=["share"])
        for name, share in found.importance.items():
            table.add_row(name, f"{share:.0%}")
        tables.append(table)
    print_tables(*tables)


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
