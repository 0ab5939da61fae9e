"""``topicforge demo``: from nothing to topics, on text that every user already has."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated

import typer

from topicforge.cli.output import note
from topicforge.cli.paths import CORPUS_MARK, MODEL_MARK, check_output


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the corpus and model folders go.")
    ] = Path("topicforge-demo"),
    n_topics: Annotated[int, typer.Option("--n-topics", "-k", help="Number of topics.")] = 20,
    epochs: Annotated[int, typer.Option(help="Passes over the documents.")] = 40,
    seed: Annotated[int, typer.Option(help="Makes the fit repeat bit for bit.")] = 0,
    force: Annotated[bool, typer.Option(help="Replace an earlier demo.")] = False,
) -> None:
    """Find the topics of the documentation that is already on this machine.

    The corpus is the docstrings of Python's standard library, numpy, scipy, scikit-learn and torch, read
    without importing anything; nothing is downloaded.
    """
    from topicforge.cli.progress import watcher
    from topicforge.cli.train import fit_or_save
    from topicforge.corpus import build_corpus
    from topicforge.evaluation import evaluate
    from topicforge.model import TopicModel

    corpus_folder, model_folder = output / "corpus", output / "model"
    check_output(corpus_folder, CORPUS_MARK, force)
    check_output(model_folder, MODEL_MARK, force)
    note("1. Reading the docstrings of Python and the libraries topicforge stands on ...")
    corpus = build_corpus("python-docs", output=corpus_folder)
    labels = corpus.labels or ()
    note(
        f"   {corpus.n_documents:,} docstrings, {corpus.vocab_size:,} words, {len(set(labels))} "
        f"subpackages -> {corpus_folder}"
    )
    note(f"2. Training the default composition with {n_topics} topics ...")
    model = TopicModel(n_topics=n_topics, seed=seed, epochs=epochs, callbacks=[watcher()])
    interrupted = fit_or_save(model, corpus, model_folder)
    note(f"   -> {model_folder}")
    note("3. Topics, the most coherent first:\n")
    assert corpus.vocabulary is not None
    words: list[list[str]] = model.topics(25)  # type: ignore[assignment]
    scores = evaluate(
        words, bow=corpus.counts.to_scipy(), vocabulary=corpus.vocabulary, labels=labels,
        theta=model.transform(corpus), metrics=["npmi", "td", "purity", "nmi"],
        reference=corpus.name, documents=corpus.name,
    )  # fmt: skip
    coherence = scores["npmi"].per_topic or ()
    order = sorted(range(len(words)), key=lambda k: -coherence[k])
    for k in order:
        print(f"{k:>3}  {coherence[k]:5.2f}  {' '.join(words[k][:10])}")
    print()
    for name, what in (
        ("npmi", "coherence: do a topic's words come together"),
        ("td", "diversity: share of distinct words in the top 25"),
        ("purity", "share of docstrings whose topic's main subpackage is theirs"),
        ("nmi", "agreement of topics and subpackages"),
    ):
        print(f"{name:<7}{scores[name].value:5.2f}  {what}")
    print(
        textwrap.dedent(f"""
        Try next:
          topicforge topics {model_folder} --top 15 --format table
          topicforge evaluate {model_folder} --corpus {corpus_folder}
          topicforge train {corpus_folder} --preset w-lda --n-topics 20 --output {output / "w-lda"}
          topicforge explain
          topicforge plugins""")
    )
    if interrupted:
        raise typer.Exit(130)
