"""What the report shows, as one dictionary that JSON can hold."""

from __future__ import annotations

import base64
import math
import platform
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge._version import __version__
from topicforge.corpus import Counts
from topicforge.evaluation import evaluate
from topicforge.evaluation.labels import is_missing
from topicforge.plot import interactive
from topicforge.plot.data import topic_names, topic_positions
from topicforge.results import (
    Topics,
    correlation,
    topic_table,
    topics_over_time,
    topics_per_class,
)

#: λ of the slider: with a step of 0.1 every position has the exact list
LAMBDAS = tuple(i / 10 for i in range(11))
#: words a topic is shown with
WORDS = 30
#: characters of a text; the report of 2,000 documents stays below 10 MB in every script
CHARACTERS = 600
#: documents shown for a topic
PER_TOPIC = 10
#: classes of a figure
CLASSES = 40
#: more rows and columns than that can't be told apart; the largest topics are shown
MATRIX = 100
_TOP_OF_SCORES = 25
_SCORED_DOCUMENTS = 20_000
_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")


@dataclass(frozen=True, eq=False)
class Documents:
    """The documents that a report is about.

    Args:
        counts: N documents over the model's V columns.
        theta: (N, K).
        texts: N texts, or ``None``: a document is then shown by its most frequent words.
        labels: N labels, or ``None``.
        times: N times, or ``None``.
        name: what to call them.
        description: how they were read, see :class:`~topicforge.corpus.Corpus`.
    """

    counts: Counts
    theta: NDArray[np.float32]
    texts: Sequence[str] | None = None
    labels: Sequence[Any] | None = None
    times: Sequence[Any] | None = None
    name: str = "corpus"
    description: Mapping[str, Any] = field(default_factory=dict)


def collect(
    model: Any,
    topics: Topics,
    documents: Documents,
    *,
    title: str,
    n_documents: int = 2000,
) -> dict[str, Any]:
    """Return everything that the report shows.

    Args:
        model: a fitted TopicModel.
        topics: its topics as tables show them.
        documents: see :class:`Documents`.
        title: the heading.
        n_documents: how many documents are shown at most; figures and tables are of all.

    Raises:
        MissingExtraError: without Plotly.
    """
    if documents.labels is not None and all(map(is_missing, documents.labels)):
        documents = replace(documents, labels=None)
    counts, theta = documents.counts, documents.theta
    worded = theta[counts.lengths() > 0]
    if len(worded):
        size = np.bincount(worded.argmax(1), minlength=len(topics))
        topics = replace(topics, share=worded.mean(0, dtype=np.float64), size=size)
    shown, of_topics = sample(documents, n_documents)
    vocabulary = topics.vocabulary or tuple(str(v) for v in range(counts.vocab_size))
    texts = [_text(documents, vocabulary, n) for n in shown]
    visible = np.array(topics.shown, dtype=np.int64)
    ranked = visible[np.argsort(-theta[shown][:, visible], axis=1, kind="stable")[:, :3]]
    words, p_corpus, lists = relevant_words(topics.topic_word, counts.word_totals())
    data: dict[str, Any] = compact({
        "title": title,
        "about": {
            "documents": counts.n_documents, "shown": len(shown), "words": counts.vocab_size,
            "topics": len(topics), "corpus": documents.name,
            "texts": documents.texts is not None, "unfinished": model.unfinished_,
            "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        },
        "topics": topic_table(topics, bow=counts.to_scipy()).to_dicts(),
        "words": [vocabulary[v] for v in words],
        "p": p_corpus,
        "lists": lists,
        "documents": {
            "number": shown, "text": texts,
            "label": None if documents.labels is None
            else ["" if is_missing(documents.labels[n]) else str(documents.labels[n]) for n in shown],
            "topics": ranked, "shares": np.take_along_axis(theta[shown], ranked, axis=1),
        },
        "of_topics": of_topics,
        "figures": figures(model, topics, documents, shown, texts),
        "scores": scores(model, topics, documents, vocabulary),
        "composition": composition(model.explanation()),
        "reproduce": reproduce(model, documents),
    })  # fmt: skip
    return data


def sample(documents: Documents, n_documents: int) -> tuple[list[int], list[list[int]]]:
    """Choose the documents that are shown: those that stand for each topic, then evenly spaced ones.

    Args:
        documents: those without a word are not chosen.
        n_documents: how many at most.

    Returns:
        Document numbers, rising; for each topic its documents as places in that list, best first.
    """
    worded = np.flatnonzero(documents.counts.lengths())
    n_topics = documents.theta.shape[1]
    per_topic = min(PER_TOPIC, max(1, n_documents // (2 * n_topics)), len(worded))
    # a topic at a time: an index of all documents and topics may not fit into memory
    best = np.array([
        worded[np.argsort(-documents.theta[worded, k], kind="stable")[:per_topic]]
        for k in range(n_topics)
    ])  # fmt: skip
    chosen = np.unique(best[: n_documents // max(per_topic, 1)])
    rest = np.setdiff1d(worded, chosen)
    wanted = min(max(n_documents - len(chosen), 0), len(rest))
    even = rest[np.linspace(0, len(rest) - 1, wanted).astype(int)] if wanted else rest[:0]
    shown = np.union1d(chosen, even)
    place = {int(n): i for i, n in enumerate(shown)}
    return shown.tolist(), [[place[n] for n in row if n in place] for row in best.tolist()]


def relevant_words(
    topic_word: NDArray[np.float32], totals: NDArray[np.float64]
) -> tuple[list[int], list[float], list[dict[str, Any]]]:
    """Return each topic's words that are among the most relevant at any position of the slider.

        r(w, k | λ) = λ log p(w | k) + (1 - λ) log[p(w | k) / p(w)]

    Sievert and Shirley 2014, section 3.1, with p(w) the word's share in the corpus.

    Args:
        topic_word: (K, V).
        totals: (V,) how often each word occurs; a word that never does is not chosen.

    Returns:
        Columns of the words that are in any list; p(w) of each; for each topic ``w``, places in the
        first, and ``p``, p(w | k).
    """
    p = totals / max(totals.sum(), 1)
    there = np.flatnonzero(p)
    n = min(WORDS, len(there))
    chosen: list[NDArray[np.int64]] = []
    for row in topic_word:
        log = np.log(np.maximum(row[there], np.finfo(np.float32).tiny).astype(np.float64))
        found = [there[np.argpartition(-(log - (1 - x) * np.log(p[there])), n - 1)[:n]]
                 for x in LAMBDAS if n]  # fmt: skip
        chosen.append(np.unique(found).astype(np.int64))
    words = np.unique(np.concatenate(chosen))
    lists = [
        {"w": np.searchsorted(words, one), "p": topic_word[k, one]} for k, one in enumerate(chosen)
    ]
    return words.tolist(), p[words].tolist(), lists


def figures(
    model: Any,
    topics: Topics,
    documents: Documents,
    shown: Sequence[int],
    texts: Sequence[str],
) -> dict[str, Any]:
    """Return the Plotly figures that the documents allow, by name."""
    theta, rows = documents.theta, list(shown)
    worded = theta[documents.counts.lengths() > 0]
    places = topic_positions(topics.topic_word)
    drawn = {
        "topics": interactive.topic_map(topics, places=places),
        "hierarchy": interactive.hierarchy(topics),
    }
    if rows:
        most = sorted(topics.shown, key=lambda k: -worded[:, k].mean())[:MATRIX]
        largest = np.array(sorted(most), dtype=np.int64)
        names = topic_names(topics)
        drawn["correlation"] = interactive.correlation(
            correlation(worded)[np.ix_(largest, largest)], names=[names[k] for k in largest]
        )
        labels = None if documents.labels is None else [documents.labels[n] for n in rows]
        drawn["documents"] = interactive.document_map(
            topics, theta[rows], labels=labels, places=places, texts=texts
        )
    if any(report.phase == "train" for report in model.history_):
        drawn["training"] = interactive.training(model)
    if documents.labels is not None:
        table = topics_per_class(topics, theta, documents.labels)
        many = sorted({(-row.documents, row.label) for row in table})[:CLASSES]
        kept = {label for _, label in many}
        drawn["classes"] = interactive.theta_by_label([row for row in table if row.label in kept])
    if documents.times is not None:
        drawn["time"] = interactive.over_time(topics_over_time(topics, theta, documents.times))
    return {name: figure.to_plotly_json() for name, figure in drawn.items()}


def scores(
    model: Any, topics: Topics, documents: Documents, vocabulary: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the built-in scores that the documents allow, each with its provenance.

    Of more than 20,000 documents as many, evenly spaced, are scored; the name of the reference says so.
    """
    n = documents.counts.n_documents
    rows = np.linspace(0, n - 1, min(n, _SCORED_DOCUMENTS)).astype(int)
    counts = documents.counts if len(rows) == n else documents.counts.select(rows)
    name = (
        documents.name
        if len(rows) == n
        else f"{len(rows):,} of {n:,} documents of {documents.name}"
    )
    bow = counts.to_scipy()
    words = topics.words(_TOP_OF_SCORES)

    if not counts.n_entries:
        return list(
            evaluate(words, top=max(2, min(10, len(words[0])))).to_dict()["scores"].values()
        )
    found = evaluate(
        words, bow=bow, vocabulary=vocabulary, theta=documents.theta[rows],
        labels=None if documents.labels is None else [documents.labels[i] for i in rows],
        # features belong to whole documents, not to halves of their words
        completion=None if model.network_.context.n_features else model.completion, heldout=bow,
        top=max(2, min(10, len(words[0]))), reference=name, documents=name,
    ).to_dict()  # fmt: skip
    return list(found["scores"].values())


def composition(told: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the rows of a composition: what, its name, its equations, its source, its options."""
    rows = []
    for kind, value in told.items():
        if isinstance(value, str):
            rows.append({"what": kind, "name": value})
        elif isinstance(value, Mapping):
            options = [f"{one['parameter']} = {one['value']}" for one in value.get("options", ())]
            rows.append({
                "what": kind, "name": value["name"],
                "formula": value.get("formula") or value.get("summary", ""),
                "source": value.get("source", ""), "options": "\n".join(options),
            })  # fmt: skip
        elif kind == "training":
            options = [f"{one['parameter']} = {one['value']}" for one in value]
            rows.append({"what": kind, "name": "", "options": "\n".join(options)})
        else:
            for one in value:
                options = [f"{name} = {text}" for name, text in one["options"].items()]
                rows.append({
                    "what": kind.removesuffix("s"), "name": one["name"], "formula": one["summary"],
                    "options": "\n".join(options),
                })  # fmt: skip
    return rows


def reproduce(model: Any, documents: Documents) -> dict[str, Any]:
    """Return the lines that make the same model again, and the versions that ran here."""
    defaults = type(model)().get_params(deep=False)
    given = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in ("callbacks", "vocabulary", "verbose", "device")
        and (name == "seed" or name not in defaults or value is not defaults[name])
    }
    settings = "".join(f"    {name}={value!r},\n" for name, value in given.items())
    read = [
        f"#   {name} = {value!r}\n"
        for name, value in documents.description.items()
        if isinstance(value, str | int | float | None)
    ]
    return {
        "call": f"from topicforge import TopicModel\n\nmodel = TopicModel(\n{settings})\n"
        f"model.fit(corpus)\n\n# corpus: {documents.name}\n{''.join(read)}".rstrip(),
        "versions": {
            "topicforge": __version__,
            "Python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def compact(value: Any) -> Any:
    """Return what JSON can hold, with numbers of four digits; what is not finite becomes null."""
    if isinstance(value, Mapping) and "bdata" in value:
        # Plotly's form of an array, which would be a table of nothing for readers
        array = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        return compact(
            array.reshape([int(n) for n in value["shape"].split(",")])
            if "shape" in value
            else array
        )
    if isinstance(value, Mapping):
        return {str(name): compact(one) for name, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return compact(value.tolist())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [compact(one) for one in value]
    if isinstance(value, float):
        rounded = float(f"{value:.4g}") if math.isfinite(value) else None
        return int(rounded) if rounded is not None and rounded.is_integer() else rounded
    return value


def _text(documents: Documents, vocabulary: Sequence[str], n: int) -> str:
    if documents.texts is not None:
        text = unicodedata.normalize("NFC", documents.texts[n]).strip()
        if len(text) <= CHARACTERS:
            return text
        # between two words, where the script has spaces
        end = text.rfind(" ", CHARACTERS - 40, CHARACTERS)
        return f"{text[: end if end > 0 else CHARACTERS]} …"
    _, columns, counts = documents.counts.rows([n])
    often = np.argsort(-counts, kind="stable")[:40]
    return " ".join(vocabulary[v] for v in columns[often])
