"""``topicforge card``: a model card in Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from json import dumps
from typing import Annotated, Any

import typer

from topicforge.cli.documents import Model, NoVerify
from topicforge.cli.output import emit

#: what Markdown would take for markup
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~-])")


def card(
    model: Model,
    top: Annotated[
        int, typer.Option(metavar="N", help="The number of words per topic.", min=1)
    ] = 10,
    no_verify: NoVerify = False,
) -> None:
    """Print a model card in Markdown, as the Hugging Face Hub shows it: topics, parts, training, use.

    A model folder with it as README.md is what the Hub calls a model repository.
    """
    from topicforge.estimator.saved import read_topics

    saved = read_topics(model, verify=not no_verify)
    view = saved.readout.view(saved.vocabulary)
    for line in _head(model.resolve().name, saved.description, len(view)):
        emit(line)
    emit("\n## Topics\n\n| topic | label | share | words |\n|---|---|---|---|")
    names, words = view.names(), view.words(top)
    for k in view.shown:
        share = "" if view.share is None else f"{view.share[k]:.1%}"
        emit(f"| {k} | {_cell(names[k])} | {share} | {_cell(' '.join(words[k]))} |")
    for line in _training(saved.description):
        emit(line)


def _cell(text: Any) -> str:
    """A text that Markdown and HTML leave as it is."""
    return _MARKUP.sub(r"\\\1", html.escape(" ".join(str(text).split())))


def _head(name: str, description: Mapping[str, Any], n_topics: int) -> Iterator[str]:
    analyzer = description["analyzer"]
    yield "---\nlibrary_name: topicforge\ntags:\n- topic-modeling"
    if analyzer is not None and analyzer["language"]:
        yield f"language: {dumps(str(analyzer['language']))}"
    yield f"---\n\n# {_cell(name)}\n"
    sizes = description["sizes"]
    yield (
        f"A neural topic model of {n_topics} topics over {sizes['vocab_size']:,} words, written by "
        f"topicforge {_cell(description['topicforge'])}. For a document it gives theta, the share of each "
        "topic."
    )
    if description["unfinished"]:
        yield "\nIts training was interrupted."
    given = '["a text"]' if analyzer is not None else "counts  # (documents, words)"
    yield (
        "\n```python\nfrom topicforge import load\n\nmodel = load(\"FOLDER\")\n"
        f"theta = model.transform({given})\nwords = model.topics()\n```\n"
    )  # fmt: skip
    yield (
        "Words outside of the vocabulary are not read, and a document without a word of it gets the "
        "prior's mean."
    )


def _training(description: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Parts\n\n| part | name | package | options |\n|---|---|---|---|"
    for kind, part in description["parts"].items():
        options = ", ".join(f"{name}={value}" for name, value in part["options"].items())
        package = f"{part['distribution']} {part['version']}" if part["distribution"] else ""
        yield f"| {kind} | {_cell(part['name'])} | {_cell(package)} | {_cell(options)} |"
    yield f"\nDivergence: {_cell(description['estimator'])}."
    yield "\n## Training\n\n| setting | value |\n|---|---|"
    facts = {
        "preset": description["preset"],
        "seed": description["parameters"].get("seed"),
        **description["training"],
        **description["machine"],
    }
    for name, value in facts.items():
        yield f"| {_cell(name)} | {_cell(value)} |"
    history = description["history"]
    if history:
        last = history[-1]
        yield (
            f"\nThe last of {len(history)} epochs: loss {last['loss']:.4f}, reconstruction "
            f"{last['reconstruction']:.4f}, divergence {last['divergence']:.4f} per document."
        )
