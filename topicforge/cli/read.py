"""``topicforge topics`` and ``topicforge transform``: what a trained model says."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

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
from topicforge.cli.named import RankingName, read_ranking
from topicforge.cli.output import counted, emit, note, print_json, working
from topicforge.cli.paths import check_output
from topicforge.cli.tables import Force, TableFile, check_table, print_table, write_table
from topicforge.storage import check_claim, write_array, write_file, writing_to


class TopicsFormat(StrEnum):
    """How topics are printed."""

    text = "text"
    table = "table"
    json = "json"


def topics(
    model: Model,
    top: Annotated[
        int, typer.Option(metavar="N", help="The number of words per topic.", min=1)
    ] = 10,
    format: Annotated[  # noqa: A002 - the option's name
        TopicsFormat,
        typer.Option(
            help="The form of the output: text has one topic per line, its words separated by spaces; "
            "table and json also have each topic's share, size, nearest topic and state."
        ),
    ] = TopicsFormat.text,
    ranking: RankingName = None,
    output: TableFile = None,
    force: Force = False,
    no_verify: NoVerify = False,
) -> None:
    """Print the topics of a model, best words first; topic k is column k of theta.

    The ranking that orders the words is named beside the topics. The plugins that the model was built with
    are not needed.
    """
    from topicforge.estimator.saved import read_topics
    from topicforge.results import topic_table

    check_table(output, force)
    saved = read_topics(model, verify=not no_verify)
    chosen = read_ranking(ranking)
    topics, ranked_by = saved.topics(top, chosen), saved.readout.ranked_by(chosen)
    # a word of a foreign vectoriser may hold a space, which would make two of it
    words = [["_".join(word.split()) for word in topic] for topic in topics]
    if format is TopicsFormat.text and output is None:
        for topic in words:
            emit(" ".join(topic))
        note(f"ranked by {ranked_by}")
        return
    table = topic_table(saved.readout.view(saved.vocabulary, chosen), top=top)
    if output is not None:
        write_table(table, output)
    elif format is TopicsFormat.json:
        print_json({"ranked_by": ranked_by, "topics": topics, "table": table.to_dicts()})
        return
    else:
        columns = ("topic", "label", "share", "size", "nearest", "state", "words")
        print_table(table, columns, {"words": [" ".join(words[row.topic]) for row in table]})
    note(f"ranked by {ranked_by}")


def transform(
    model: Model,
    documents: Documents,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="The .npy file to write, or a folder for shards of theta.",
        ),
    ],
    format: Format = None,  # noqa: A002 - the option's name
    text_column: TextColumn = None,
    language: Language = None,
    encoding: Encoding = "utf-8",
    features: Features = None,
    shard_documents: Annotated[
        int,
        typer.Option(min=1, help="The number of documents per shard, where a folder is written."),
    ] = 100_000,
    shard_format: Annotated[
        str, typer.Option(help="The format of the shards: npy or parquet.")
    ] = "npy",
    device: Device = "auto",
    no_verify: NoVerify = False,
    force: Force = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write the topic proportions of documents: theta, float32, one row per document.

    Counts must have the model's columns; texts are counted over its vocabulary. A folder is written
    shard by shard, in memory that does not grow with the corpus, and the same command continues it after
    an interruption.
    """
    from topicforge.estimator.theta import MARK, WHAT
    from topicforge.estimator.topic_model import load

    to_folder = output.suffix != ".npy"
    if to_folder:
        check_claim(output, MARK, WHAT)
    else:
        check_output(output, None, force)
    check_device(device)
    with working(f"opening {model}"):
        fitted = load(model, device=device, verify=not no_verify)
    # texts are read one by one, unless an embedder reads them too
    texts: list[str] | None = None if fitted.embedder is None or features is not None else []
    with working(f"reading {documents}"):
        read = read_documents(
            documents, fitted, format=format, text_column=text_column, language=language,
            encoding=encoding, verify=not no_verify, texts=texts,
        )  # fmt: skip
    beside = features_of(features, fitted, [] if texts is None else texts)
    size: dict[str, int] = {}
    if to_folder:
        with counted("inferring theta", read.n_documents) as done:
            folder = fitted.transform_to(
                read, output, features=beside, format=cast(Any, shard_format),
                shard_documents=shard_documents, on_shard=lambda n, _: done(n),
            )  # fmt: skip
        n_topics, size["shards"] = folder.n_topics, folder.n_shards
    else:
        with working(f"inferring theta of {read.n_documents:,} documents"):
            theta = fitted.transform(read, features=beside)
        with writing_to(output):
            output.absolute().parent.mkdir(parents=True, exist_ok=True)
            with write_file(output) as file:
                write_array(file, theta.shape, [theta])
        n_topics = theta.shape[1]
    if json:
        print_json({"theta": output, "documents": read.n_documents, "topics": n_topics, **size})
    note(f"{output}: {read.n_documents:,} documents x {n_topics} topics")
