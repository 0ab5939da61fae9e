"""Coherence of topics by word vectors, which depends on no corpus of documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError
from topicforge.evaluation.reference import check_vocabulary
from topicforge.evaluation.score import Score
from topicforge.evaluation.topics import TopWords, top_words

_WHERE = "wec"


def word_vector_coherence(
    topics: Iterable[Sequence[str]],
    vectors: Any,
    vocabulary: Sequence[str],
    *,
    top: int = 10,
    reference: str | None = None,
) -> Score:
    """Mean over topics of the mean over pairs of cos(v_i, v_j), the vectors of two top words.

    Words without a vector are left out, and topics with fewer than two words that have one count 0. The
    score leans to frequent words, whose vectors are better, so compare it at equal diversity.

    Args:
        topics: K lists of words, the most probable first.
        vectors: (V, E), row v that of word v; zeros where a word has none.
        vocabulary: V words in the order of the rows.
        top: words per topic, at least 2.
        reference: name of the vectors, for the provenance.

    Returns:
        Score in [-1, 1], with each topic's.

    Raises:
        OptionError: ``top`` is not a whole number of at least 2.
        InputError: unusable topics; vectors of another shape, or not finite.

    Source: Fang, Macdonald, Ounis and Habel 2016, Using Word Embedding to Evaluate the Coherence of
    Topics from Twitter Data.
    """
    words = top_words(topics, top, where=_WHERE, least=2)
    return wec_from(words, vectors, vocabulary, reference=reference)


def wec_from(
    words: TopWords, vectors: Any, vocabulary: Sequence[str], *, reference: str | None = None
) -> Score:
    """As :func:`word_vector_coherence`, of topics that were checked before."""
    rows = check_vectors(vectors, where=_WHERE)
    column = check_vocabulary(vocabulary, len(rows), where=_WHERE)
    length = np.linalg.norm(rows, axis=1)
    values = []
    for topic in words:
        found = [column[w] for w in topic if w in column and length[column[w]] > 0]
        unit = rows[found] / length[found][:, None]
        pairs = np.triu_indices(len(found), k=1)
        values.append(float((unit @ unit.T)[pairs].mean()) if len(found) > 1 else 0.0)
    distinct = {word for topic in words for word in topic}
    lacking = sum(w not in column or not length[column[w]] for w in distinct)
    return Score(
        name=_WHERE,
        value=float(np.mean(values)),
        per_topic=tuple(values),
        reference=reference or "word vectors",
        window=None,
        top=max(map(len, words)),
        rule=f"cosine of pairs; {lacking} of {len(distinct)} words have no vector and are left out",
        source="Fang et al. 2016",
    )


def check_vectors(vectors: Any, *, where: str) -> NDArray[np.float64]:
    """Return word vectors as (V, E) float64.

    Raises:
        InputError: not a matrix of finite numbers.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or 0 in rows.shape or not np.isfinite(rows).all():
        raise InputError(
            f"{where}: word_vectors must be finite numbers (words, width), got shape {rows.shape}"
        )
    return rows
