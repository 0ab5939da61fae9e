"""``topicforge evaluate``: scores of a model, or of any program's topics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from topicforge.cli.output import print_json, table_console
from topicforge.cli.paths import open_corpus
from topicforge.errors import InputError


def evaluate(
    model: Annotated[Path | None, typer.Argument(help="A model folder.")] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Corpus folder whose documents and labels are scored.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Corpus folder that coherence is counted on; else --corpus.")
    ] = None,
    topics: Annotated[
        Path | None,
        typer.Option(help="Instead of a model: a topic a line, words separated by spaces."),
    ] = None,
    theta: Annotated[
        Path | None, typer.Option(help="With --topics: theta of --corpus, .npy.")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only these; repeatable.")] = None,
    top: Annotated[int, typer.Option(help="Words a topic for coherence.", min=2)] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score topics and theta; each score says its reference corpus, window and rules."""
    from topicforge.evaluation import evaluate as score

    if (model is None) == (topics is None):
        raise typer.BadParameter("give a model folder or --topics FILE, one of the two")
    documents = None if corpus is None else open_corpus(corpus)
    counted = documents if reference is None else open_corpus(reference)
    given: dict[str, Any] = {}
    if counted is not None:
        if counted.vocabulary is None:
            raise InputError(
                f"{reference or corpus}: a corpus without vocabulary can't be a reference"
            )
        given.update(
            bow=counted.counts.to_scipy(), vocabulary=counted.vocabulary, reference=counted.name
        )
    words: list[list[str]]
    if topics is not None:
        words = [line.split() for line in topics.read_text(encoding="utf-8").splitlines() if line]
        if theta is not None:
            given["theta"] = _read_theta(theta)
    else:
        assert model is not None
        words, fitted = _from_model(model, documents)
        given.update(fitted)
    if documents is not None and documents.labels is not None and "theta" in given:
        given["labels"] = documents.labels
    if documents is not None:
        given["documents"] = documents.name
    scores = score(words, metrics=metric, top=top, **given)
    if json:
        print_json(scores.to_dict())
        return
    from rich.table import Table

    table = Table(box=None)
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("how", overflow="fold")
    for name, value in scores.items():
        text = str(value)
        table.add_row(name, f"{value.value:.4f}", text.partition(": ")[2] or text)
    for name, why in scores.skipped.items():
        table.add_row(name, "-", why)
    table_console().print(table)


def _from_model(model: Path, documents: Any) -> tuple[list[list[str]], dict[str, Any]]:
    from topicforge.corpus import Counts
    from topicforge.model import load

    fitted = load(model)
    words: Any = fitted.topics(25)
    if documents is None:
        return words, {}
    return words, {
        "theta": fitted.transform(documents),
        "transform": lambda counts: fitted.transform(Counts.from_matrix(counts, "evaluate")),
        "topic_word": fitted.topic_word_,
        "heldout": documents.counts.to_scipy(),
    }


def _read_theta(path: Path) -> Any:
    import numpy as np

    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(
            f"{path}: must be a numeric .npy array (documents, topics): {error}"
        ) from error
