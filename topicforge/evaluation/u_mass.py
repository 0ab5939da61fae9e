"""U_Mass: the log conditional probability of topic words, by document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import OptionError
from topicforge.evaluation.cooccurrence import (
    Cooccurrence,
    distinct_words,
    document_cooccurrence,
)
from topicforge.evaluation.score import Score
from topicforge.evaluation.topics import TopWords, top_words
from topicforge.evaluation.unseen import check_unseen, unseen_rule

_AGGREGATES = ("mean", "sum")


def u_mass(
    topics: Iterable[Sequence[str]],
    bow: Any,
    vocabulary: Sequence[str],
    *,
    top: int = 10,
    smoothing: float = 1.0,
    aggregate: str = "mean",
    unseen: str = "floor",
    reference: str | None = None,
) -> Score:
    """ln((D(w_m, w_l) + s) / D(w_l)) over the pairs l < m of a topic, then the mean over topics.

    D counts documents; w_l stands higher in the topic than w_m, so the order of words matters. The
    mean over pairs (Röder 2015) compares across ``top``; Mimno 2011 takes the sum. gensim's
    ``u_mass`` is the mean with ``smoothing=1e-12 * N``, N documents.

    Args:
        topics: K lists of words, the most probable first.
        bow: (N, V) counts of the reference corpus, scipy sparse or dense.
        vocabulary: V words in the order of the columns.
        top: words per topic, at least 2.
        smoothing: s > 0, in documents; Mimno's is 1.
        aggregate: over the pairs of a topic: ``mean`` or ``sum``.
        unseen: what to do where D(w_l) = 0 and the formula has no value: ``floor`` counts the pair
            as ln(s / N), the lowest value N documents allow; ``error`` raises.
        reference: name of the corpus, for the provenance.

    Returns:
        Score, at most ln(1 + s) for the mean, with each topic's.

    Raises:
        OptionError: ``top``, ``smoothing``, ``aggregate`` or ``unseen`` outside its domain.
        InputError: unusable topics, counts or vocabulary; an unseen word under ``error``.

    Source: Mimno et al. 2011, eq. 1; Röder, Both and Hinneburg 2015 (the mean).
    """
    words = top_words(topics, top, where="u_mass", least=2)
    counts = document_cooccurrence(distinct_words(words), bow, vocabulary, reference=reference)
    return u_mass_from(words, counts, smoothing=smoothing, aggregate=aggregate, unseen=unseen)


def u_mass_from(
    words: TopWords,
    counts: Cooccurrence,
    *,
    smoothing: float = 1.0,
    aggregate: str = "mean",
    unseen: str = "floor",
) -> Score:
    """U_Mass from document co-occurrences counted before; arguments as in :func:`u_mass`.

    Args:
        words: K tuples of distinct words, two or more each, all of them in ``counts``.
        counts: by document.
        smoothing: s > 0, in documents.
        aggregate: ``mean`` or ``sum`` over the pairs of a topic.
        unseen: ``floor`` or ``error``.

    Raises:
        OptionError: an option outside its domain.
        InputError: an unseen word under ``error``.
    """
    if not (smoothing > 0 and math.isfinite(smoothing)):
        raise OptionError(f"u_mass: smoothing must be finite and above 0, got {smoothing!r}")
    if aggregate not in _AGGREGATES:
        raise OptionError(f"u_mass: aggregate must be mean or sum, got {aggregate!r}")
    check_unseen(counts, unseen, ("floor", "error"), where="u_mass")
    floor = math.log(smoothing / counts.total)
    pairs = [_pairs(counts.among(topic), smoothing, floor) for topic in words]
    values = tuple(float(p.mean() if aggregate == "mean" else p.sum()) for p in pairs)
    rule = (
        f"{aggregate} over pairs, {smoothing:g} document(s) added to each joint count, so a pair "
        f"never seen counts ln({smoothing:g} / D(w_l))"
    ) + unseen_rule(counts, f"a pair conditioned on one of them counts {floor:.4f}")
    return Score(
        name="u_mass",
        value=float(np.mean(values)),
        per_topic=values,
        reference=counts.reference,
        window=counts.window,
        top=max(map(len, words)),
        rule=rule,
        source="Mimno et al. 2011, eq. 1; mean over pairs as Röder et al. 2015",
    )


def _pairs(joint: NDArray[np.int64], smoothing: float, floor: float) -> NDArray[np.float64]:
    higher, lower = np.triu_indices(len(joint), k=1)
    given = joint.diagonal()[higher]
    value = np.full(given.size, floor)
    seen = given > 0
    value[seen] = np.log((joint[higher, lower][seen] + smoothing) / given[seen])
    return value
