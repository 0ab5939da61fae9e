"""``topicforge corpus build``: texts or counts -> a corpus folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topicforge.cli.output import note, print_json, results_only, working
from topicforge.cli.paths import check_output

app = typer.Typer(help="Build corpus folders from texts or counts.", no_args_is_help=True)

_READING, _WORDS, _SCALE = "Reading", "Words", "Many documents"


@app.callback()
@results_only
def corpus() -> None:
    """Build corpus folders from texts or counts."""


@app.command("build")
@results_only
def build(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Texts (.txt, a folder, .csv, .tsv, .jsonl, .parquet; .gz and .zst; several files or a "
            "quoted pattern), counts (.npz, .mtx, svmlight, UCI, LDA-C), or a name: python-docs, "
            "reuters, 20newsgroups.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="CORPUS", help="The corpus folder to write."),
    ],
    vocab: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A word a line: the columns of counts, or the words to count.",
            rich_help_panel=_READING,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A label a line, a document each.", rich_help_panel=_READING
        ),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(help="Column of texts in a table.", rich_help_panel=_READING),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(help="Column of labels in a table.", rich_help_panel=_READING),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        str | None,
        typer.Option(
            help="lines, folder, csv, tsv, jsonl, parquet, npz, matrix-market, svmlight, uci or lda-c.",
            show_default="by the source's name",
            rich_help_panel=_READING,
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="Of text files.", rich_help_panel=_READING)
    ] = "utf-8",
    name: Annotated[
        str | None,
        typer.Option(
            help="What scores call the corpus.",
            show_default="after the source",
            rich_help_panel=_READING,
        ),
    ] = None,
    drop_empty: Annotated[
        bool,
        typer.Option(
            "--drop-empty", help="Leave out documents without words.", rich_help_panel=_READING
        ),
    ] = False,
    language: Annotated[
        str | None,
        typer.Option(help="en or zh: stop words and word splitting.", rich_help_panel=_WORDS),
    ] = None,
    keep_stop_words: Annotated[
        bool,
        typer.Option("--keep-stop-words", help="Count stop words, too.", rich_help_panel=_WORDS),
    ] = False,
    min_df: Annotated[
        str | None,
        typer.Option(
            metavar="N|SHARE",
            help="Least documents of a word: a number, or a share as 0.01.",
            rich_help_panel=_WORDS,
        ),
    ] = None,
    max_df: Annotated[
        str | None,
        typer.Option(
            metavar="N|SHARE",
            help="Most documents of a word: a number, or a share as 0.5.",
            rich_help_panel=_WORDS,
        ),
    ] = None,
    max_features: Annotated[
        int | None,
        typer.Option(metavar="N", help="Keep the most frequent words.", rich_help_panel=_WORDS),
    ] = None,
    ngram: Annotated[
        int,
        typer.Option(
            metavar="N", help="Longest phrase, in words: new_york.", rich_help_panel=_WORDS
        ),
    ] = 1,
    token_pattern: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="What a word is.", rich_help_panel=_WORDS),
    ] = None,
    keep_case: Annotated[
        bool,
        typer.Option("--keep-case", help="Don't fold to lower case.", rich_help_panel=_WORDS),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            "-j",
            metavar="N",
            help="Processes that count words. More than one: the corpus comes in shards.",
            rich_help_panel=_SCALE,
        ),
    ] = 1,
    shard_documents: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stream texts into shards of so many documents, in bounded memory.",
            show_default="50,000 with --workers or --hash-buckets, else one piece",
            rich_help_panel=_SCALE,
        ),
    ] = None,
    hash_buckets: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="N columns by hashing instead of one a word; words that meet count as one.",
            rich_help_panel=_SCALE,
        ),
    ] = None,
    hash_names: Annotated[
        bool,
        typer.Option(
            "--hash-names",
            help="Call each bucket after its most frequent word.",
            rich_help_panel=_SCALE,
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing corpus.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the description as JSON to standard output.")
    ] = False,
) -> None:
    """Read documents, count their words, and write a corpus folder."""
    from topicforge.corpus import build_corpus
    from topicforge.corpus.folder import CORPUS

    check_output(output, CORPUS, force)
    limits = {"min_df": _limit("--min-df", min_df), "max_df": _limit("--max-df", max_df)}
    called = source[0] if len(source) == 1 else f"{len(source)} files"
    with working(f"reading {called}"):
        built = build_corpus(
            source[0] if len(source) == 1 else source,
            output=output, vocab=vocab, labels=labels, format=format,
            text_column=text_column, label_column=label_column, language=language,
            stop_words=None if keep_stop_words else "language", max_features=max_features,
            ngram=ngram, token_pattern=token_pattern, lowercase=not keep_case, encoding=encoding,
            drop_empty=True if drop_empty else None, name=name,
            workers=workers, shard_documents=shard_documents, hash_buckets=hash_buckets,
            hash_names=hash_names, **limits,
        )  # fmt: skip
    if json:
        print_json({
            "corpus": output,
            "name": built.name,
            "documents": built.n_documents,
            "empty_documents": built.n_empty,
            "vocab_size": built.vocab_size,
            "entries": built.counts.n_entries,
            "labels": None if built.labels is None else len(set(built.labels)),
            "description": built.description,
        })  # fmt: skip
    empty = f" ({built.n_empty:,} empty)" if built.n_empty else ""
    classes = f", {len(set(built.labels)):,} labels" if built.labels is not None else ""
    note(
        f"{output}: {built.n_documents:,} documents{empty}, {built.vocab_size:,} words, "
        f"{built.counts.n_entries:,} entries{classes}"
    )


def _limit(option: str, text: str | None) -> int | float | None:
    """``5`` is a number of documents, ``0.5`` and ``1e-3`` a share."""
    if text is None:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise typer.BadParameter(f"{option} must be a number, got {text!r}")
