"""``topicforge choose-k``: how many topics to take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topicforge.cli.output import note, print_json
from topicforge.cli.settings import Assignments, Config, Preset, build_model
from topicforge.cli.tables import print_table

if TYPE_CHECKING:
    from topicforge.experiments.compare import Cell


def choose_k(
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS", help="A corpus folder with a vocabulary.")
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
    topics: Annotated[
        str,
        typer.Option(metavar="K,K,...", help="The numbers of topics to try, separated by commas."),
    ] = "10,20,50,100",
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="The number of runs per number of topics.")
    ] = 3,
    held_out: Annotated[
        float, typer.Option(metavar="SHARE", help="The share of the documents that is held out.")
    ] = 0.1,
    preset: Preset = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="The number of epochs.", show_default="the preset's"),
    ] = None,
    assignments: Assignments = None,
    config: Config = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="The number of processes.", show_default="one per core"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the choice as JSON.")] = False,
) -> None:
    """Train with several numbers of topics and seeds, and say which number to take and why.

    The same command continues after an interruption: what is done is not run again.
    """
    numbers = [text.strip() for text in topics.split(",")]
    if not all(text.isascii() and text.isdigit() for text in numbers):
        raise typer.BadParameter(f"--topics must be numbers separated by commas, got {topics!r}")
    model = build_model({"preset": preset, "epochs": epochs}, assignments, config)
    from topicforge.estimator.topic_model import TopicModel
    from topicforge.experiments.choose_k import choose_k as choose

    usual = TopicModel().get_params(deep=False)
    settings = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in ("n_topics", "seed", "device") and value != usual.get(name)
    }
    total, done = len(set(numbers)) * seeds, 0
    note(f"{total} runs: {len(set(numbers))} numbers of topics x {seeds} seeds")

    def report(cell: Cell, record: dict[str, Any]) -> None:
        nonlocal done
        done += 1
        if record["status"] == "failed":
            how = "failed: " + record["error"].strip().splitlines()[-1]
        else:
            how = ", ".join(f"{name} {value:.3f}" for name, value in record["scores"].items())
        note(f"{done}/{total} {cell.title}: {how}")

    choice = choose(
        corpus, list(map(int, numbers)), output, seeds=seeds, settings=settings, held_out=held_out,
        jobs=jobs, on_done=report,
    )  # fmt: skip
    if json:
        print_json(choice.to_dict())
    else:
        print_table(choice.table, choice.table.columns)
    note(f"take K = {choice.n_topics}. {choice.reason}")
    note(
        f"written: {', '.join(str(path) for path in sorted(output.glob('*.*')) if path.is_file())}"
    )
    if choice.failed:
        note(f"{len(choice.failed)} runs failed; the same command runs them again")
        raise typer.Exit(1)
