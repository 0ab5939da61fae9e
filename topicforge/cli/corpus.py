"""``topicforge corpus build``: texts or counts -> a corpus folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topicforge.cli.output import note, print_json
from topicforge.cli.paths import CORPUS_MARK, check_output

app = typer.Typer(help="Build and look at corpus folders.", no_args_is_help=True)


@app.callback()
def corpus() -> None:
    """Build and look at corpus folders."""


@app.command("build")
def build(
    source: Annotated[
        str,
        typer.Argument(
            help="A file or folder of texts or counts, or a name: python-docs, reuters, 20newsgroups."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The corpus folder to write.")],
    vocab: Annotated[Path | None, typer.Option(help="A word a line, in column order.")] = None,
    labels: Annotated[Path | None, typer.Option(help="A label a line, a document each.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column of texts in a table.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of labels in a table.")] = None,
    format: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option(help="Of the source, where its name does not tell.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="en or zh: stop words and word splitting.")
    ] = None,
    keep_stop_words: Annotated[bool, typer.Option(help="Leave stop words in.")] = False,
    min_df: Annotated[
        str | None, typer.Option(help="Least documents of a word: a number, or a share as 0.01.")
    ] = None,
    max_df: Annotated[
        str | None, typer.Option(help="Most documents of a word: a number, or a share as 0.5.")
    ] = None,
    max_features: Annotated[int | None, typer.Option(help="Keep the most frequent words.")] = None,
    ngram: Annotated[int, typer.Option(help="Longest phrase, in words.")] = 1,
    encoding: Annotated[str, typer.Option(help="Of text files.")] = "utf-8",
    force: Annotated[bool, typer.Option(help="Replace an existing corpus folder.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the description as JSON.")] = False,
) -> None:
    """Read documents, count their words, and write a corpus folder."""
    from topicforge.corpus import build_corpus

    check_output(output, CORPUS_MARK, force)
    built = build_corpus(
        source, output=output, vocab=vocab, labels=labels, format=format, text_column=text_column,
        label_column=label_column, language=language,
        stop_words=None if keep_stop_words else "language",
        min_df=_limit("--min-df", min_df), max_df=_limit("--max-df", max_df),
        max_features=max_features, ngram=ngram, encoding=encoding,
    )  # fmt: skip
    if json:
        print_json({"folder": str(output), **built.description})
        return
    empty = f", {built.n_empty:,} of them empty" if built.n_empty else ""
    classes = f", {len(set(built.labels)):,} labels" if built.labels is not None else ""
    note(
        f"{output}: {built.n_documents:,} documents{empty}, {built.vocab_size:,} words, "
        f"{built.counts.n_entries:,} entries{classes}"
    )


def _limit(option: str, text: str | None) -> int | float | None:
    """``5`` is a number of documents, ``0.5`` a share."""
    if text is None:
        return None
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise typer.BadParameter(f"{option} must be a number, got {text!r}") from None
