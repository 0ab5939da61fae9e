"""``topicforge label``: names for the topics of a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from topicforge.cli.device import check_device
from topicforge.cli.documents import (
    Device,
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
from topicforge.cli.named import read_named
from topicforge.cli.output import note, print_json, working
from topicforge.cli.tables import print_table


def label(
    model: Model,
    documents: Annotated[
        Path | None,
        typer.Argument(metavar="[DOCUMENTS]", help="Texts, for labelers that read documents."),
    ] = None,
    labeler: Annotated[
        str,
        typer.Option(
            metavar="NAME[:OPTION=VALUE,...]",
            help="What makes the labels: words, frex, phrases, titles, or a plugin's labeler with its "
            "options; phrases and titles need texts.",
        ),
    ] = "frex",
    format: Format = None,  # noqa: A002 - the option's name
    text_column: TextColumn = None,
    language: Language = None,
    encoding: Encoding = "utf-8",
    features: Features = None,
    device: Device = "auto",
    no_verify: NoVerify = False,
    json: Annotated[bool, typer.Option("--json", help="Print the topics as JSON.")] = False,
) -> None:
    """Give all topics of a model labels and keep them with it, as one edit.

    ``topicforge edit MODEL label 3=hockey`` gives one topic a label of your own, and ``topicforge edit MODEL
    undo`` takes the labels back.
    """
    from topicforge.estimator.saved import save_edits
    from topicforge.estimator.topic_model import load

    check_device(device)
    with working(f"opening {model}"):
        fitted = load(model, device=device, verify=not no_verify)
    texts: list[str] = []
    given: dict[str, Any] = {}
    if documents is not None:
        with working(f"reading {documents}"):
            given["X"] = read_documents(
                documents, fitted, format=format, text_column=text_column, language=language,
                encoding=encoding, verify=not no_verify, texts=texts,
            )  # fmt: skip
        given |= {"texts": texts or None, "features": features_of(features, fitted, texts)}
    before = len(fitted.edits)
    with working(f"labelling {len(fitted.topic_word_)} topics"):
        fitted.label_topics(read_named([labeler], "--labeler")[0], **given)
    if len(fitted.edits) > before:
        save_edits(model, fitted.edits)
    table = fitted.topic_table()
    if json:
        print_json(table.to_dicts())
    else:
        print_table(table, ("topic", "label", "share", "size", "words"))
    note(f"{model}: labels by {labeler}")
