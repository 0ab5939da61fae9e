"""``topicforge evaluate``: scores of a model, or of any program's topics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topicforge.cli.documents import (
    NoVerify,
    check_words,
    corpus_or_counts,
    open_corpus,
    read_array,
)
from topicforge.cli.named import RankingName, read_named, read_ranking
from topicforge.cli.output import new_table, note, print_json, print_tables, working
from topicforge.errors import CorpusError, InputError

if TYPE_CHECKING:
    from topicforge.corpus import Corpus
    from topicforge.estimator.topic_model import TopicModel

_OTHERS = "Topics of other programs"
_TOP, _TOP_OF_TD = 10, 25
#: what the metrics call their inputs -> where they come from here
_SOURCES = {
    "bow": "--corpus", "vocabulary": "--corpus", "word_vectors": "--vectors",
    "texts": "--texts", "theta": "a model or --theta",
    "labels": "labels in --corpus", "transform": "a model", "topic_word": "a model",
    "completion or transform": "a model", "completion or topic_word": "a model",
    "heldout or halves": "--corpus",
}  # fmt: skip


def evaluate(
    model: Annotated[
        Path | None, typer.Argument(metavar="MODEL", help="A model folder.", show_default=False)
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS",
            help="The documents and labels to score theta on, and the reference of coherence: a corpus "
            "folder or a file of counts.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="Another corpus folder as the reference of coherence."),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Texts for npmi_window and c_v: one document per line, its words in order, separated by "
            "spaces.",
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Word vectors for wec: word2vec or GloVe text, or .npy with a row for each word of the "
            "reference's vocabulary.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:OPTION=VALUE,...]",
            help="Compute only this metric, with its options, such as c_v:window=50; topicforge plugins "
            "lists all. Repeatable.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(metavar="N", help="The number of words per topic.", show_default="10", min=2),
    ] = None,
    ranking: RankingName = None,
    topics: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Topics instead of a model: one per line, words separated by spaces.",
            rich_help_panel=_OTHERS,
        ),
    ] = None,
    theta: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Theta of the documents in --corpus, a .npy file (documents, topics).",
            rich_help_panel=_OTHERS,
        ),
    ] = None,
    vocab: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The vocabulary where --corpus is a file of counts, one word per line.",
            rich_help_panel=_OTHERS,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The labels where --corpus is a file of counts, one per line.",
            rich_help_panel=_OTHERS,
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print everything as JSON, the values of each topic included."),
    ] = False,
    no_verify: NoVerify = False,
) -> None:
    """Score the topics and theta of a model, or the topics of another program.

    Every score states its reference corpus, its window and its rules.
    """
    if (model is None) == (topics is None):
        raise typer.BadParameter("give a MODEL folder or --topics FILE, one of the two")
    if model is not None and theta is not None:
        raise typer.BadParameter("--theta belongs to --topics; a model infers its own")
    if model is None and ranking is not None:
        raise typer.BadParameter("--ranking orders a model's words; those of --topics are in order")
    if corpus is None and (vocab or labels or theta):
        raise typer.BadParameter(
            "--vocab, --labels and --theta describe --corpus, which is missing"
        )
    fitted = documents = None
    if model is not None:
        from topicforge.estimator.topic_model import load

        with working(f"opening {model}"):
            fitted = load(model, verify=not no_verify)
    if corpus is not None:
        documents = corpus_or_counts(corpus, vocab, labels, fitted, verify=not no_verify)
    other = None if reference is None else open_corpus(reference, verify=not no_verify)
    given = _counted(documents if other is None else other)
    if vectors is not None:
        given.update(word_vectors=_read_vectors(vectors, given.get("vocabulary")))
    if documents is not None:
        given.update(documents=documents.name, labels=documents.labels)
    if fitted is not None:
        with working("inferring theta"):
            words, ranked_by, found = _from_model(fitted, read_ranking(ranking), documents, corpus)
        given.update(found)
    else:
        ranked_by = None
        assert topics is not None
        words = _read_lines(topics, "a topic")
        given["theta"] = None if theta is None else read_array(theta, "(documents, topics)")
    shortest = min((len(topic) for topic in words), default=0)
    given["top"] = top or max(2, min(_TOP, shortest))
    with working("counting"):
        scores, skipped = _score(words, metric, texts, given)
    if json:
        source = {} if ranked_by is None else {"ranked_by": ranked_by}
        print_json({**source, "scores": scores, "skipped": skipped})
        return
    table = new_table("score", "value", "how", right=["value"])
    for name, score in scores.items():
        table.add_row(name, f"{score['value']:.4f}", _how(score))
    print_tables(table)
    if ranked_by is not None:
        note(f"words ranked by {ranked_by}")
    for why in dict.fromkeys(skipped.values()):
        names = [name for name, reason in skipped.items() if reason == why]
        note(f"left out: {', '.join(names)} ({why})")


def _score(
    words: list[list[str]], metric: list[str] | None, texts: Path | None, given: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    from topicforge.evaluation import evaluate as score
    from topicforge.registry import default_registry

    own: dict[str, Any] = {}
    if texts is not None:
        # windows slide over other documents, with another name, than bags are counted in
        own = {"texts": _read_lines(texts, "a document", empty=True), "texts_reference": str(texts)}
    chosen = read_named(metric, "--metric") or None
    result = score(words, metrics=chosen, registry=default_registry(), **given, **own).to_dict()
    return result["scores"], {name: _in_options(why) for name, why in result["skipped"].items()}


def _in_options(why: str) -> str:
    """``needs bow, vocabulary`` -> ``needs --corpus``."""
    needs = re.fullmatch("needs (.*)", why)
    if needs is None or not all(need in _SOURCES for need in needs[1].split(", ")):
        return why
    options = dict.fromkeys(_SOURCES[need] for need in needs[1].split(", "))
    return f"needs {', '.join(options)}"


def _how(score: Mapping[str, Any]) -> str:
    parts = [
        f"top {score['top']} words" if score["top"] is not None else "",
        f"on {score['reference']}" if score["reference"] is not None else "",
        f"window {score['window']}" if score["window"] is not None else "",
        score["rule"],
        score["source"],
    ]
    return "; ".join(text for text in parts if text)


def _counted(reference: Corpus | None) -> dict[str, Any]:
    if reference is None:
        return {}
    if reference.vocabulary is None:
        raise InputError(
            f"{reference.name}: coherence needs to know which word a column counts; build the corpus with "
            "--vocab"
        )
    return {
        "bow": reference.counts.to_scipy(),
        "vocabulary": reference.vocabulary,
        "reference": reference.name,
    }


def _from_model(
    fitted: TopicModel, ranking: Any, documents: Corpus | None, path: Path | None
) -> tuple[list[list[str]], str, dict[str, Any]]:
    words = [[str(word) for word in topic] for topic in fitted.topics(_TOP_OF_TD, ranking=ranking)]
    ranked_by = fitted.ranked_by(ranking)
    if documents is None or path is None:
        return words, ranked_by, {}
    check_words(fitted, documents.vocabulary, path)

    return (
        words,
        ranked_by,
        {
            "theta": fitted.transform(documents),
            "transform": fitted.transform,
            "completion": fitted.completion,
            "topic_word": fitted.topic_word_,
            "heldout": documents.counts.to_scipy(),
        },
    )


def _read_vectors(path: Path, vocabulary: Any) -> Any:
    from topicforge.parts.decoders.word_vectors import read_word_vectors

    if vocabulary is None:
        raise typer.BadParameter("--vectors needs the words of --corpus or --reference")
    return read_word_vectors(path, vocabulary, len(vocabulary)).values


def _read_lines(path: Path, what: str, empty: bool = False) -> list[list[str]]:
    from topicforge.corpus.lines import read_lines

    try:
        return [line.split() for line in read_lines(path) if empty or line.strip()]
    except CorpusError as error:
        raise InputError(f"{error}; it must hold {what} per line") from error
