"""Documents as records: what each is about, and which stand for a topic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topicforge.results.table import Table
from topicforge.results.topics import Topics, check_top

#: characters of a text that a record shows
_SHOWN = 200
#: documents that are sorted in one go
_STEP = 65_536


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
    return Table(DocumentRow, _rows(range(len(theta)), None, topics, theta, empty, top, texts))


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
    return Table(DocumentRow, _rows(best, topic, topics, theta, empty, 3, texts))


def _rows(
    documents: Sequence[int] | NDArray[np.int64],
    topic: int | None,
    topics: Topics,
    theta: NDArray[np.floating],
    empty: NDArray[np.bool_],
    top: int,
    texts: Sequence[str] | None,
) -> Iterator[DocumentRow]:
    names, shown = topics.names(), np.array(topics.shown, dtype=np.int64)
    for start in range(0, len(documents), _STEP):
        part = np.asarray(documents[start : start + _STEP])
        given = theta[part]
        largest = shown[np.argsort(-given[:, shown], axis=1, kind="stable")[:, :top]]
        shares = np.take_along_axis(given, largest, axis=1)
        for at, (n, topics_of_n, shares_of_n) in enumerate(
            zip(part.tolist(), largest.tolist(), shares.tolist(), strict=True)
        ):
            if empty[n]:
                topics_of_n, shares_of_n = [], []
            main = topics_of_n[0] if topic is None and topics_of_n else topic
            yield DocumentRow(
                document=n,
                topic=main,
                label="" if main is None else names[main],
                share=None if main is None else float(given[at, main]),
                topics=tuple(topics_of_n),
                shares=tuple(shares_of_n),
                text=None if texts is None else texts[n][:_SHOWN],
            )
