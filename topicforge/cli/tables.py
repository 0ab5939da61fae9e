"""``topicforge documents`` and ``topicforge find``, and how commands show tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topicforge.cli.device import check_device
from topicforge.cli.documents import (
    Device,
    Documents,
    Encoding,
    Features,
    Format,
    Language,
    Model,
    NoVerify,
    TextColumn,
    features_of,
    read_documents,
)
from topicforge.cli.output import new_table, note, print_json, print_tables, working
from topicforge.cli.paths import check_output

if TYPE_CHECKING:
    from topicforge.results import Table

TableFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="A file to write the table to instead of printing it: .csv, .json or .parquet.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the table as JSON.")]


def documents(
    model: Model,
    documents: Documents,
    topic: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="K",
            help="Show the documents with the largest share of this topic instead.",
        ),
    ] = None,
    n: Annotated[
        int, typer.Option("-n", min=1, metavar="N", help="The number of documents for --topic.")
    ] = 10,
    top: Annotated[
        int, typer.Option(min=1, metavar="N", help="The number of topics per document.")
    ] = 3,
    format: Format = None,  # noqa: A002 - the option's name
    text_column: TextColumn = None,
    language: Language = None,
    encoding: Encoding = "utf-8",
    features: Features = None,
    device: Device = "auto",
    no_verify: NoVerify = False,
    output: TableFile = None,
    force: Force = False,
    json: _Json = False,
) -> None:
    """Print the largest topics of each document, or the documents that stand for a topic."""
    from topicforge.estimator.topic_model import load

    check_table(output, force)
    check_device(device)
    with working(f"opening {model}"):
        fitted = load(model, device=device, verify=not no_verify)
    texts: list[str] = []
    with working(f"reading {documents}"):
        read = read_documents(
            documents, fitted, format=format, text_column=text_column, language=language,
            encoding=encoding, verify=not no_verify, texts=texts,
        )  # fmt: skip
    given: dict[str, Any] = {
        "features": features_of(features, fitted, texts),
        "texts": texts or None,
    }
    with working(f"inferring theta of {read.n_documents:,} documents"):
        if topic is None:
            table = fitted.document_table(read, top=top, **given)
        else:
            table = fitted.topic_documents(topic, n, read, **given)
    columns = ("document", "topic", "share", "label", *(("text",) if texts else ()))
    show_table(table, columns, output, json)


def find(
    model: Model,
    phrase: Annotated[str, typer.Argument(metavar="PHRASE", help="A word, or several in quotes.")],
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="The number of topics.")] = 5,
    top: Annotated[
        int, typer.Option(min=1, metavar="N", help="The number of words per topic.")
    ] = 10,
    output: TableFile = None,
    force: Force = False,
    json: _Json = False,
) -> None:
    """Print the topics that the words of a phrase speak for, with the probability of each."""
    from topicforge.estimator.topic_model import load

    check_table(output, force)
    with working(f"opening {model}"):
        fitted = load(model, device="cpu")
    show_table(
        fitted.find_topics(phrase, n, top=top), ("topic", "score", "label", "words"), output, json
    )


def check_table(output: Path | None, force: bool) -> None:
    """Refuse a file of another format, or one that exists, before anything is computed.

    Raises:
        OptionError: the table can't be written there.
    """
    if output is None:
        return
    from topicforge.results.table import check_format

    check_format(output)
    check_output(output, None, force)


def show_table(table: Table[Any], columns: Sequence[str], output: Path | None, json: bool) -> None:
    """Write a table to a file, or print all of it as JSON, or some columns for people."""
    if output is not None:
        write_table(table, output)
    elif json:
        print_json(table.to_dicts())
    else:
        print_table(table, columns)


def write_table(table: Table[Any], output: Path) -> None:
    """Write a table to a file and say so."""
    table.write(output)
    note(f"{output}: {len(table):,} rows")


def print_table(
    table: Table[Any], columns: Sequence[str], instead: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Print some columns.

    Args:
        table: any.
        columns: in this order.
        instead: columns that are written in another way.
    """
    shown: dict[str, Sequence[str]] = {
        name: [_cell(value) for value in table.column(name)] for name in columns
    }
    shown |= instead or {}
    numbers = [
        name
        for name in columns
        if all(isinstance(v, int | float | None) for v in table.column(name))
    ]
    printed = new_table(*columns, right=numbers)
    for row in zip(*(shown[name] for name in columns), strict=True):
        printed.add_row(*row)
    print_tables(printed)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
