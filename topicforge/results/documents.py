"""Documents as records: what each is about, and which stand for a topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topicforge.results.table import Table
from topicforge.results.topics import Topics, check_top

#: characters of a text that a record shows
_SHOWN = 200


@dataclass(frozen=True)
class DocumentRow:
    """One document.

    Args:
        document: its number n, its row of X.
        topic: the number of its largest topic; ``None`` for a document without words. In
            :func:`topic_documents` the topic asked for.
        label: that topic's name.
        share: theta of that topic.
        topics: its largest topics, largest first.
        shares: theta of each of them.
        text: its first 200 characters, where texts were handed in.
    """

    document: int
    topic: int | None
    label: str
    share: float | None
    topics: tuple[int, ...]
    shares: tuple[float, ...]
    text: str | None


def document_table(
    topics: Topics,
    theta: NDArray[np.floating],
    *,
    empty: NDArray[np.bool_],
    top: int = 3,
    texts: Sequence[str] | None = None,
) -> Table[DocumentRow]:
    """Return one record per document, in their order.

    Args:
        topics: hidden ones are left out.
        theta: (N, K).
        empty: (N,) documents that theta says nothing of.
        top: largest topics per document.
        texts: N texts, or ``None``.

    Raises:
        OptionError: ``top`` is below one.
    """
    check_top(top, "document_table")
    names = topics.names()
    rows = (_row(n, None, theta[n], empty[n], topics, names, top, texts) for n in range(len(theta)))
    return Table(DocumentRow, rows)


def topic_documents(
    topics: Topics,
    theta: NDArray[np.floating],
    topic: int,
    n: int = 5,
    *,
    empty: NDArray[np.bool_],
    texts: Sequence[str] | None = None,
) -> Table[DocumentRow]:
    """Return the documents that stand for a topic: those with the largest theta of it, largest first.

    Args:
        topics: of the model.
        theta: (N, K).
        topic: its number.
        n: number of documents; documents without words are left out.
        empty: (N,) documents that theta says nothing of.
        texts: N texts, or ``None``.

    Raises:
        OptionError: no such topic, or ``n`` is below one.
    """
    topic = topics.check(topic, "topic_documents")
    check_top(n, "topic_documents", "n")
    order = np.argsort(-theta[:, topic], kind="stable")
    best = order[~empty[order]][:n]
    names = topics.names()
    rows = (_row(int(d), topic, theta[d], False, topics, names, 3, texts) for d in best)
    return Table(DocumentRow, rows)


def _row(
    document: int,
    topic: int | None,
    theta: NDArray[np.floating],
    empty: bool,
    topics: Topics,
    names: Sequence[str],
    top: int,
    texts: Sequence[str] | None,
) -> DocumentRow:
    shown = np.array([] if empty else topics.shown, dtype=np.int64)
    largest = tuple(int(k) for k in shown[np.argsort(-theta[shown], kind="stable")[:top]])
    if topic is None and largest:
        topic = largest[0]
    return DocumentRow(
        document=document,
        topic=topic,
        label="" if topic is None else names[topic],
        share=None if topic is None else float(theta[topic]),
        topics=largest,
        shares=tuple(float(theta[k]) for k in largest),
        text=None if texts is None else texts[document][:_SHOWN],
    )
