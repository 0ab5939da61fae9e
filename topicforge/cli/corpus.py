"""``topicforge corpus build``: texts or counts -> a corpus folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from topicforge.cli.documents import find_source
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
            help="Texts (.txt, a folder, .csv, .tsv, .json, .jsonl, .parquet; .gz and .zst; several files "
            "or a quoted pattern), counts (.npz, .mtx, svmlight, UCI, LDA-C), or a name: python-docs, "
            "reuters, 20newsgroups, or a plugin's.",
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
            help="One word per line: the columns of counts, or the words to count.",
            rich_help_panel=_READING,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="One label per line and document, an empty line for none.",
            rich_help_panel=_READING,
        ),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(help="The column of a table that holds the texts.", rich_help_panel=_READING),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(help="The column of a table that holds the labels.", rich_help_panel=_READING),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        str | None,
        typer.Option(
            help="lines, folder, csv, tsv, json, jsonl, parquet, npz, matrix-market, svmlight, uci, lda-c, "
            "or a plugin's.",
            show_default="by the source's name",
            rich_help_panel=_READING,
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="Encoding of text files.", rich_help_panel=_READING)
    ] = "utf-8",
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER",
            help="Character between the columns of a CSV or TSV file; tab for a tabulator.",
            show_default="found in the first rows",
            rich_help_panel=_READING,
        ),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first row of a CSV or TSV file names the columns; without names they are "
            "numbered from 0.",
            show_default="found in the first row",
            rich_help_panel=_READING,
        ),
    ] = None,
    quoting: Annotated[
        str | None,
        typer.Option(
            metavar="minimal|none",
            help="Whether double quotes enclose the fields of a CSV or TSV file, or are plain characters.",
            show_default="minimal, and an error where it matters",
            rich_help_panel=_READING,
        ),
    ] = None,
    first_index: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1,
            help="Number of the first word in an svmlight file.",
            show_default="by its comment, else 1",
            rich_help_panel=_READING,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="The name of the corpus in scores.",
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
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL|CORPUS",
            help="Cut texts and count words as for this model or corpus.",
            rich_help_panel=_WORDS,
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="en, zh or any: how texts are split into words, and their stop words.",
            show_default="en for texts; counts keep all columns",
            rich_help_panel=_WORDS,
        ),
    ] = None,
    keep_stop_words: Annotated[
        bool,
        typer.Option("--keep-stop-words", help="Count stop words, too.", rich_help_panel=_WORDS),
    ] = False,
    min_df: Annotated[
        str | None,
        typer.Option(
            metavar="N|SHARE",
            help="Fewest documents that hold a word: a number, or a share as 0.01.",
            rich_help_panel=_WORDS,
        ),
    ] = None,
    max_df: Annotated[
        str | None,
        typer.Option(
            metavar="N|SHARE",
            help="Most documents that hold a word: a number, or a share as 0.5.",
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
        typer.Option(metavar="REGEX", help="Regular expression of a word.", rich_help_panel=_WORDS),
    ] = None,
    keep_case: Annotated[
        bool,
        typer.Option("--keep-case", help="Do not fold to lower case.", rich_help_panel=_WORDS),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            "-j",
            metavar="N",
            help="Processes that count words. With more than one the corpus is written in shards.",
            rich_help_panel=_SCALE,
        ),
    ] = 1,
    shard_documents: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stream texts into shards of this many documents, in bounded memory.",
            show_default="50,000 with --workers or --hash-buckets, else one piece",
            rich_help_panel=_SCALE,
        ),
    ] = None,
    hash_buckets: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="N columns by hashing instead of one for each word; words that meet in a column are "
            "counted as one.",
            rich_help_panel=_SCALE,
        ),
    ] = None,
    hash_names: Annotated[
        bool,
        typer.Option(
            "--hash-names",
            help="Name each hash column after its most frequent word.",
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
    from topicforge.corpus.words import n_classes

    check_output(output, CORPUS, force)
    reading = {
        "text_column": text_column, "label_column": label_column, "encoding": encoding,
        "delimiter": "\t" if delimiter in ("tab", "\\t") else delimiter, "header": header,
        "quoting": quoting, "first_index": first_index,
    }  # fmt: skip
    limits = {
        "min_df": _limit("--min-df", min_df),
        "max_df": _limit("--max-df", max_df),
        "max_features": max_features,
    }
    pieces = {
        "documents": shard_documents, "workers": None if workers == 1 else workers,
        "hash_buckets": hash_buckets, "hash_names": hash_names or None,
    }  # fmt: skip
    cutting = {
        "language": language, "stop_words": () if keep_stop_words else None,
        "ngram_range": None if ngram == 1 else (1, ngram), "token_pattern": token_pattern,
        "lowercase": False if keep_case else None,
    }  # fmt: skip
    called = source[0] if len(source) == 1 else f"{len(source)} files"
    with working(f"reading {called}"):
        found = find_source(source, format, as_paths=False)
        built = build_corpus(
            found.source, output, labels=labels, name=name, drop_empty=drop_empty or None,
            reading={**_given(reading), "format": found.reader}, shards=_given(pieces) or None,
            **_words(found.gives, _given(cutting), _given(limits), vocab, like),
        )  # fmt: skip
    if json:
        print_json({
            "corpus": output,
            "name": built.name,
            "documents": built.n_documents,
            "empty_documents": built.n_empty,
            "vocab_size": built.vocab_size,
            "entries": built.counts.n_entries,
            "labels": None if built.labels is None else n_classes(built.labels),
            "description": built.description,
        })  # fmt: skip
    empty = f" ({built.n_empty:,} empty)" if built.n_empty else ""
    classes = f", {n_classes(built.labels):,} labels" if built.labels is not None else ""
    if built.labels is not None and (missing := built.labels.count(None)):
        classes += f" ({missing:,} documents have none)"
    note(
        f"{output}: {built.n_documents:,} documents{empty}, {built.vocab_size:,} words, "
        f"{built.counts.n_entries:,} entries{classes}"
    )
    if built.description.get("note"):
        note(f"{output}: {built.description['note']}")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _words(
    gives: str,
    cutting: dict[str, Any],
    limits: dict[str, Any],
    vocab: Path | None,
    like: Path | None,
) -> dict[str, Any]:
    """Return vectorizer, vocabulary and pruning of the flags."""
    from topicforge.corpus import Analyzer, Corpus
    from topicforge.corpus.folder import CORPUS
    from topicforge.storage import is_kind

    if like is not None:
        if cutting or limits or vocab is not None:
            raise typer.BadParameter(
                "--like takes words and their cutting from the model or corpus, so leave --vocab, "
                "--language, --min-df and the other options of words out"
            )
        if is_kind(like, CORPUS):
            pattern: Any = Corpus.open(like)
            analyzer, vocabulary = pattern.analyzer, pattern.vocabulary
        else:
            from topicforge.estimator.topic_model import load

            pattern = load(like)
            analyzer = Analyzer.of(pattern.vectorizer_)
            vocabulary = pattern.vocabulary_
        if vocabulary is None or (analyzer is None and gives == "texts"):
            raise typer.BadParameter(
                f"--like: {like} does not say which words it counts and how texts are cut into them"
            )
        return {"vectorizer": analyzer if gives == "texts" else None, "vocabulary": vocabulary}
    if gives == "counts":
        language = cutting.pop("language", None)
        if cutting:
            raise typer.BadParameter(
                "counts are words already, so --ngram, --token-pattern, --keep-case and "
                "--keep-stop-words have no meaning for them"
            )
        if language is not None:
            limits["stop_words"] = language
    vectorizer = None
    if cutting and gives == "texts":
        vectorizer = Analyzer(**cutting)
    return {"vectorizer": vectorizer, "vocabulary": vocab, "pruning": limits or None}


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
