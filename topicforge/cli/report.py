"""``topicforge report``: one HTML file with everything about a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topicforge.cli.device import check_device
from topicforge.cli.documents import (
    Device,
    Encoding,
    Features,
    Model,
    NoVerify,
    TextColumn,
    features_of,
    of_rows,
    read_documents,
    texts_of,
)
from topicforge.cli.output import note, working
from topicforge.cli.paths import check_output


def report(
    model: Model,
    corpus: Annotated[
        Path,
        typer.Option(
            metavar="CORPUS", help="The documents: a corpus folder, a file of counts, or texts."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The .html file to write.")
    ],
    texts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The texts that CORPUS was built from, to be shown and searched. Without them, documents "
            "are shown by their most frequent words.",
        ),
    ] = None,
    text_column: TextColumn = None,
    text_language: Annotated[
        str | None,
        typer.Option(
            help="The language of texts: en or zh.", show_default="that of the training corpus"
        ),
    ] = None,
    encoding: Encoding = "utf-8",
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="One label per document and line, empty for none.",
            show_default="those of CORPUS",
        ),
    ] = None,
    times: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="One number or ISO date per document and line, empty for none, for shares over time.",
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="The heading.", show_default="the name of CORPUS")
    ] = None,
    language: Annotated[str, typer.Option(help="The language of the report: en or zh.")] = "en",
    documents: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="The number of documents in the file at most; figures and tables are of all.",
        ),
    ] = 2000,
    features: Features = None,
    device: Device = "auto",
    no_verify: NoVerify = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a report of a model as one HTML file that opens in a browser without a network.

    It holds a map of the topics, their words with a slider of relevance, their documents, a search,
    shares by label and over time, correlations, hierarchy, training curves, scores with their provenance,
    the composition, and how to reproduce it. Needs the extra plot.
    """
    from topicforge.corpus import Corpus
    from topicforge.estimator.topic_model import load
    from topicforge.report import check

    check_output(output, None, force)
    check(language, documents)
    check_device(device)
    with working(f"opening {model}"):
        fitted = load(model, device=device, verify=not no_verify)
    shown: list[str] = []
    with working(f"reading {corpus}"):
        read = read_documents(
            corpus, fitted, format=None, text_column=text_column, language=text_language,
            encoding=encoding, verify=not no_verify, texts=shown,
        )  # fmt: skip
        if not isinstance(read, Corpus):
            read = Corpus(read, name=corpus.stem)
        if texts is not None:
            shown = texts_of(texts, read, text_column, encoding)
    with working(f"writing {output}"):
        fitted.report(
            read, output, texts=shown or None, labels=_lines(labels, read), times=_lines(times, read),
            features=features_of(features, fitted, shown), title=title, language=language,
            documents=documents,
        )  # fmt: skip
    note(f"{output}: {output.stat().st_size / 1e6:.1f} MB; open it in a browser")


def _lines(path: Path | None, corpus: object) -> list[str] | None:
    if path is None:
        return None
    from topicforge.corpus import read_lines

    return of_rows(list(read_lines(path)), corpus, path)
