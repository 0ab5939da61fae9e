"""Labels of topics: what is told of each topic, labels that need no other program, answers checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from topicforge.contracts import TopicSummary
from topicforge.errors import InputError
from topicforge.evaluation.rankings import frex, top_columns
from topicforge.results.topics import Topics

#: words, phrases and documents that a summary has
N_WORDS, N_PHRASES, N_DOCUMENTS = 10, 5, 5
#: documents per topic from which phrases are taken: of those whose largest topic it is
_READ = 50
_LONGEST = 80
Labeler = Callable[[TopicSummary], str]


def _title(topic: TopicSummary) -> str:
    """The first line of the first document, as far as a label is long."""
    line = next((line.strip() for line in topic.documents[0].splitlines() if line.strip()), "")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"


#: labelers that compute alone: name -> function
OFFLINE: Mapping[str, Labeler] = {
    "words": lambda topic: ", ".join(topic.words[:3]),
    "frex": lambda topic: ", ".join(topic.distinctive[:3]),
    "phrases": lambda topic: ", ".join(topic.phrases[:2]) or ", ".join(topic.distinctive[:3]),
    "titles": _title,
}
#: those of them that need texts
NEED_TEXTS = ("phrases", "titles")


def summaries(
    topics: Topics,
    *,
    texts: Sequence[str] | None = None,
    theta: NDArray[np.floating] | None = None,
    analyse: Callable[[str], Sequence[str]] = str.split,
    joined_by: str = " ",
) -> list[TopicSummary]:
    """Return what labelers are told, one record per topic.

    A phrase t of topic k is scored by tf(t, k) log(1 + A / f(t)), with tf its frequency in the documents
    of the topic, f that in the documents of all topics, and A the mean number of phrases per topic
    (class-based TF-IDF: Grootendorst 2022, BERTopic, section 3.3). A phrase counts if it occurs twice.

    Args:
        topics: their words.
        texts: N texts, or ``None``.
        theta: (N, K) of these texts.
        analyse: text -> words, as for the fit.
        joined_by: what stands between the words of a phrase.
    """
    words = topics.words(N_WORDS)
    columns = top_columns(frex(topics.topic_word), N_WORDS)
    known = topics.vocabulary
    distinctive = [tuple(str(v) if known is None else known[v] for v in row) for row in columns]
    phrases: list[tuple[str, ...]] = [()] * len(topics)
    documents: list[tuple[str, ...]] = [()] * len(topics)
    if texts is not None and theta is not None:
        worded = np.array([bool(text.strip()) for text in texts])
        largest = theta.argmax(1)
        own = []
        for k in range(len(topics)):
            order = np.argsort(-theta[:, k], kind="stable")
            order = order[worded[order]]
            documents[k] = tuple(texts[n] for n in order[:N_DOCUMENTS])
            own.append([analyse(texts[n]) for n in order[largest[order] == k][:_READ]])
        phrases = _phrases(own, joined_by)
    return [
        TopicSummary(k, words[k], distinctive[k], phrases[k], documents[k])
        for k in range(len(topics))
    ]


def label_topics(
    topics: Sequence[TopicSummary], labeler: Labeler
) -> tuple[dict[int, str], dict[int, str]]:
    """Ask a labeler for each topic; a failure leaves that topic out and keeps the rest.

    Args:
        topics: to be labelled.
        labeler: its answer must be one line of 1 to 80 characters; white space around it and quotes around
            all of it are taken off.

    Returns:
        topic -> label; and topic -> why it has none.
    """
    labels, failures = {}, {}
    for topic in topics:
        try:
            labels[topic.topic] = _checked(labeler(topic))
        except Exception as error:
            failures[topic.topic] = f"{type(error).__name__}: {error}"
    return labels, failures


def _checked(answer: object) -> str:
    if not isinstance(answer, str):
        raise InputError(f"a label must be text, got a {type(answer).__name__}")
    label = answer.strip()
    if len(label) > 1 and label[0] == label[-1] and label[0] in "\"'":
        label = label[1:-1].strip()
    if not label or len(label.splitlines()) != 1 or len(label) > _LONGEST:
        raise InputError(
            f"a label must be one line of 1 to {_LONGEST} characters, got {answer!r:.100}"
        )
    return label


def _phrases(cut: Sequence[Sequence[Sequence[str]]], joined_by: str) -> list[tuple[str, ...]]:
    counts = [
        Counter(
            tuple(words[at : at + n])
            for words in documents
            for n in (2, 3)
            for at in range(len(words) - n + 1)
        )
        for documents in cut
    ]
    everywhere: Counter[tuple[str, ...]] = sum(counts, Counter())
    mean = everywhere.total() / max(len(counts), 1)
    found = []
    for count in counts:
        score = {
            phrase: times * np.log(1 + mean / everywhere[phrase])
            for phrase, times in count.items()
            if times > 1
        }
        chosen: list[tuple[str, ...]] = []
        for phrase in sorted(score, key=lambda one: (-score[one], one)):
            # "new york" and "york city" beside "new york city" say the same
            if not any(set(phrase) <= set(one) or set(one) <= set(phrase) for one in chosen):
                chosen.append(phrase)
            if len(chosen) == N_PHRASES:
                break
        found.append(tuple(joined_by.join(phrase) for phrase in chosen))
    return found
