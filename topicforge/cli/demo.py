"""``topicforge demo``: from nothing to topics, on text that every user already has."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topicforge.cli.output import (
    fitting,
    new_table,
    note,
    print_json,
    print_tables,
    verbatim,
    working,
)
from topicforge.cli.paths import check_output

if TYPE_CHECKING:
    from topicforge.evaluation import Scores

_SAID = {
    "npmi": "coherence: how far a topic's words keep company in the documents",
    "td": "diversity: share of distinct words among all topics' top 25",
    "purity": "share of docstrings from the subpackage that is their topic's largest",
    "nmi": "how much topics say about subpackages, 0 to 1",
}
#: words shown a topic, as far as they fit the terminal
_WORDS = 8


def demo(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="The folder for the corpus and the model."
        ),
    ] = Path("topicforge-demo"),
    n_topics: Annotated[int, typer.Option("--n-topics", "-k", help="The number of topics.")] = 20,
    epochs: Annotated[
        int | None, typer.Option(help="The number of passes over the documents.")
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            help="The seed of all random numbers; the same seed repeats a fit, bit for bit on "
            "the same processor with the same number of threads."
        ),
    ] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the folders of an earlier demo.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print topics and scores as JSON to standard output.")
    ] = False,
) -> None:
    """Find the topics of the documentation that is already on this machine.

    The corpus is the docstrings of Python's standard library, numpy, scipy, scikit-learn and torch, read
    without importing anything; nothing is downloaded.
    """
    from topicforge.cli.fit import fit_and_save, training
    from topicforge.cli.progress import watcher
    from topicforge.corpus import build_corpus
    from topicforge.corpus.folder import CORPUS
    from topicforge.estimator.saved import MODEL
    from topicforge.estimator.topic_model import TopicModel
    from topicforge.evaluation import evaluate

    corpus_folder, model_folder = output / "corpus", output / "model"
    check_output(corpus_folder, CORPUS, force)
    check_output(model_folder, MODEL, force)
    note("1. Reading the docstrings of Python and of the libraries topicforge stands on")
    with working("reading"):
        corpus = build_corpus("python-docs", output=corpus_folder)
    labels, vocabulary = corpus.labels, corpus.vocabulary
    assert labels is not None
    assert vocabulary is not None
    note(
        f"   {corpus.n_documents:,} docstrings of {len(set(labels))} subpackages, "
        f"{corpus.vocab_size:,} words -> {corpus_folder}"
    )
    note(f"2. Training the default composition with {n_topics} topics")
    model = TopicModel(n_topics=n_topics, seed=seed, epochs=epochs)
    with training(model_folder, force) as kept:
        fit_and_save(model, corpus, model_folder, kept, [watcher()])
    interrupted = model.unfinished_
    note(f"   -> {model_folder}")
    note("3. Scoring the topics")
    words = [[str(word) for word in topic] for topic in model.topics(25)]
    theta = model.transform(corpus)
    scores = evaluate(
        words, bow=corpus.counts.to_scipy(), vocabulary=vocabulary, labels=labels, theta=theta,
        metrics=list(_SAID), reference=corpus.name, documents=corpus.name,
    )  # fmt: skip
    subpackages = _largest_labels(theta.argmax(1), labels)
    if json:
        print_json({
            "corpus": corpus_folder,
            "model": model_folder,
            "interrupted": interrupted,
            "topics": words,
            "subpackages": [subpackages.get(k) for k in range(len(words))],
            **scores.to_dict(),
        })  # fmt: skip
    else:
        _show(words, subpackages, scores)
        _try_next(output, corpus_folder, model_folder)
    if interrupted:
        raise typer.Exit(130)


def _largest_labels(topic_of: Any, labels: tuple[str | None, ...]) -> dict[int, str]:
    """For each topic that is the largest of any document, the most frequent label of those."""
    members: dict[int, Counter[str]] = {}
    for topic, label in zip(topic_of.tolist(), labels, strict=True):
        members.setdefault(topic, Counter())[label or "no label"] += 1
    return {topic: counted.most_common(1)[0][0] for topic, counted in members.items()}


def _show(words: list[list[str]], subpackages: dict[int, str], scores: Scores) -> None:
    coherence = scores["npmi"].per_topic
    assert coherence is not None
    topics = new_table("topic", "npmi", "mostly in", "words", right=["topic", "npmi"])
    widest = max(map(len, subpackages.values()))
    for k in sorted(range(len(words)), key=lambda k: -coherence[k]):
        taken = len("topic   npmi  ") + widest + len("  ")
        shown = fitting(words[k][:_WORDS], taken)
        topics.add_row(str(k), f"{coherence[k]:.2f}", subpackages.get(k, "-"), shown)
    means = new_table("score", "value", "what it says", right=["value"])
    for name, said in _SAID.items():
        means.add_row(name, f"{scores[name].value:.2f}", said)
    print_tables(topics, means)


def _try_next(output: Path, corpus: Path, model: Path) -> None:
    there = {name: shlex.quote(str(path)) for name, path in (
        ("corpus", corpus), ("model", model), ("other", output / "w-lda"),
    )}  # fmt: skip
    verbatim(
        "\nTry next:\n"
        "  topicforge topics {model} --top 15 --format table\n"
        "  topicforge evaluate {model} --corpus {corpus}\n"
        "  topicforge train {corpus} --preset w-lda --n-topics 20 -o {other}\n"
        "  topicforge explain\n"
        "  topicforge plugins".format(**there)
    )
