"""``topicforge topics`` and ``topicforge transform``: what a trained model says."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from topicforge.cli.output import note, print_json, table_console
from topicforge.cli.paths import check_output, read_documents


class Format(StrEnum):
    """How topics are printed."""

    text = "text"
    table = "table"
    json = "json"


def topics(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    top: Annotated[int, typer.Option(help="Words a topic.", min=1)] = 10,
    format: Annotated[  # noqa: A002 - the option's name
        Format, typer.Option(help="text: a topic a line, words separated by spaces.")
    ] = Format.text,
) -> None:
    """Print a model's topics; needs none of the plugins it was built with."""
    from topicforge.model_folder import read_topics

    saved = read_topics(model)
    words = saved.topics(top)
    if format is Format.text:
        for topic in words:
            print(" ".join(topic))
    elif format is Format.json:
        print_json({"ranking": saved.ranking, "topics": words})
    else:
        from rich.table import Table

        table = Table(title=f"ranked by {saved.ranking}", box=None)
        table.add_column("topic", justify="right")
        table.add_column("words", overflow="fold")
        for number, topic in enumerate(words):
            table.add_row(str(number), " ".join(topic))
        table_console().print(table)


def transform(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    documents: Annotated[Path, typer.Argument(help="A corpus folder, a file of counts, or texts.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .npy file to write.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Write theta: float32 (documents, topics), rows sum to one."""
    import numpy as np

    from topicforge.model import load

    check_output(output, None, force)
    fitted = load(model, device=device)
    theta = fitted.transform(read_documents(documents, fitted.vectorizer_ is not None))
    with output.open("wb") as file:
        np.save(file, theta, allow_pickle=False)
    note(f"{output}: theta of {theta.shape[0]:,} documents over {theta.shape[1]} topics")
