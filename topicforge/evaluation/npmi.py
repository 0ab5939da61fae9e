"""Normalised pointwise mutual information of topic words, by document and by window."""

from __future__ import annotations

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
from topicforge.evaluation.windows import window_cooccurrence

_SOURCE = "Lau et al. 2014 (OC-NPMI); Bouma 2009"


def npmi(
    topics: Iterable[Sequence[str]],
    bow: Any,
    vocabulary: Sequence[str],
    *,
    top: int = 10,
    never: float = -1.0,
    unseen: str = "never",
    reference: str | None = None,
) -> Score:
    """Mean over topics of the mean over pairs of ln(p_ij / (p_i p_j)) / -ln p_ij, by document.

    p_ij is the share of documents that hold both words. A pair in every document counts 1 (the
    limit), one in no document ``never``.

    Args:
        topics: K lists of words, the most probable first.
        bow: (N, V) counts of the reference corpus, scipy sparse or dense.
        vocabulary: V words in the order of the columns.
        top: words per topic, at least 2.
        never: value of a pair that never co-occurs, within [-1, 1]; -1 is the formula's limit.
        unseen: what to do about a word the reference lacks: ``never`` counts its pairs as never
            co-occurring, ``error`` raises.
        reference: name of the corpus, for the provenance.

    Returns:
        Score in [-1, 1], with each topic's.

    Raises:
        OptionError: ``top``, ``never`` or ``unseen`` outside its domain.
        InputError: unusable topics, counts or vocabulary; an unseen word under ``error``.

    Source: Lau, Newman and Baldwin 2014 (OC-NPMI); Bouma 2009 (the normalisation).
    """
    words = top_words(topics, top, where="npmi", least=2)
    counts = document_cooccurrence(distinct_words(words), bow, vocabulary, reference=reference)
    return npmi_from(words, counts, never=never, unseen=unseen)


def npmi_window(
    topics: Iterable[Sequence[str]],
    texts: Iterable[Sequence[str]],
    *,
    window: int = 10,
    top: int = 10,
    never: float = -1.0,
    unseen: str = "never",
    reference: str | None = None,
) -> Score:
    """Mean over topics of the mean over pairs of ln(p_ij / (p_i p_j)) / -ln p_ij, by window.

    p_ij is the share of boolean sliding windows that hold both words (see
    :func:`~topicforge.evaluation.window_cooccurrence`). gensim's ``c_npmi`` differs in two ways: it
    adds 1e-12 to p_ij, which lifts a pair that never co-occurs well above -1, and it forgets a
    repeated word when its first copy leaves the window.

    Args:
        topics: K lists of words, the most probable first.
        texts: reference documents as sequences of tokens.
        window: width of the sliding window in tokens.
        top: words per topic, at least 2.
        never: value of a pair that never co-occurs, within [-1, 1].
        unseen: ``never`` or ``error``, as in :func:`npmi`.
        reference: name of the corpus, for the provenance.

    Returns:
        Score in [-1, 1], with each topic's.

    Raises:
        OptionError: ``window``, ``top``, ``never`` or ``unseen`` outside its domain.
        InputError: unusable topics or texts; an unseen word under ``error``.

    Source: Lau, Newman and Baldwin 2014 (OC-NPMI); Bouma 2009 (the normalisation).
    """
    words = top_words(topics, top, where="npmi_window", least=2)
    counts = window_cooccurrence(distinct_words(words), texts, window=window, reference=reference)
    return npmi_from(words, counts, never=never, unseen=unseen)


def npmi_from(
    words: TopWords, counts: Cooccurrence, *, never: float = -1.0, unseen: str = "never"
) -> Score:
    """NPMI from co-occurrences counted before, so that several metrics share one count.

    Args:
        words: K tuples of distinct words, two or more each, all of them in ``counts``.
        counts: by document or by window.
        never: value of a pair that never co-occurs, within [-1, 1].
        unseen: ``never`` or ``error``, as in :func:`npmi`.

    Raises:
        OptionError: ``never`` or ``unseen`` outside its domain.
        InputError: an unseen word under ``error``.
    """
    name = "npmi" if counts.window == "document" else "npmi_window"
    if not -1 <= never <= 1:  # NaN too
        raise OptionError(f"{name}: never must be a value of NPMI, within [-1, 1], got {never!r}")
    check_unseen(counts, unseen, ("never", "error"), where=name)
    values = tuple(_one_topic(counts.among(topic), counts.total, never) for topic in words)
    rule = f"a pair that never co-occurs counts {never:g}" + unseen_rule(
        counts, f"so does every pair with one of them ({never:g})"
    )
    return Score(
        name=name,
        value=float(np.mean(values)),
        per_topic=values,
        reference=counts.reference,
        window=counts.window,
        top=max(map(len, words)),
        rule=rule,
        source=_SOURCE,
    )


def _one_topic(joint: NDArray[np.int64], total: int, never: float) -> float:
    single = joint.diagonal()
    i, j = np.triu_indices(len(joint), k=1)
    both = joint[i, j]
    value = np.full(both.size, never, dtype=np.float64)
    value[both == total] = 1.0
    inside = (both > 0) & (both < total)
    log_both = np.log(both[inside] / total)
    log_apart = np.log(single[i[inside]] / total) + np.log(single[j[inside]] / total)
    value[inside] = (log_both - log_apart) / -log_both
    return float(value.mean())
