"""Document-completion perplexity: infer theta from half a document, score the other half."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.errors import InputError, OptionError
from topicforge.evaluation.proportions import check_proportions
from topicforge.evaluation.reference import check_counts, describe
from topicforge.evaluation.score import Score

_WHERE = "perplexity"
# numbers gathered at once: entries of a chunk times K
_GATHERED = 2_000_000

Transform = Callable[[Any], Any]


def split_halves(counts: Any, *, seed: int = 0) -> tuple[sp.csr_array, sp.csr_array]:
    """h1_dv ~ Binomial(x_dv, 1/2), h2 = x - h1: each token falls into one half by a fair coin.

    Args:
        counts: (N, V) whole counts, scipy sparse or dense.
        seed: the same counts and seed give the same halves.

    Returns:
        Two (N, V) int64 CSR of canonical form whose sum is ``counts``; zeros are not stored.

    Raises:
        OptionError: ``seed`` is not a whole number of zero or more.
        InputError: unusable counts, or counts that are not whole numbers.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"{_WHERE}: seed must be a whole number of zero or more, got {seed!r}")
    whole = check_counts(counts, where=_WHERE, name="counts").copy()
    # one entry a (document, word), in one order, so that storage does not change the halves
    whole.sum_duplicates()
    if (whole.data != np.floor(whole.data)).any():
        raise InputError(
            f"{_WHERE}: counts must be whole numbers to be split by token, "
            "got fractions; give the two halves yourself"
        )
    tokens = whole.data.astype(np.int64)
    first = np.random.default_rng(seed).binomial(tokens, 0.5)

    def half(data: NDArray[np.int64]) -> sp.csr_array:
        # copies, because eliminate_zeros moves entries within the arrays it was given
        arrays = (data.copy(), whole.indices.copy(), whole.indptr.copy())
        built = sp.csr_array(arrays, shape=whole.shape)
        built.eliminate_zeros()
        return built

    return half(first), half(tokens - first)


def perplexity(
    transform: Transform,
    topic_word: Any,
    counts: Any = None,
    *,
    halves: tuple[Any, Any] | None = None,
    seed: int = 0,
    reference: str | None = None,
) -> Score:
    """exp(-sum_dv h2_dv ln(theta_d . beta_v) / sum_dv h2_dv), theta_d inferred from h1_d.

    Only the words that occur in the second half are scored, O(nnz K) work, and no (N, V) array is
    made. beta is ``topic_word``, so a model whose decoder is no mixture of topics (a product of
    experts, say) is scored as the mixture of its topics.

    Args:
        transform: (N', V) CSR counts of first halves → (N', K) theta; called once.
        topic_word: (K, V) topic-word probabilities, rows sum to 1.
        counts: (N, V) held-out counts, to be split by :func:`split_halves`.
        halves: the two halves, where they are given already; instead of ``counts``. Counts here
            may be fractions.
        seed: of the split; without effect on ``halves``.
        reference: name of the held-out documents, for the provenance.

    Returns:
        Score of at least 1, lower is better; infinite where a word that occurs has probability 0,
        and the rule says how many tokens do. Documents that lack tokens in either half are left
        out, and the rule says how many.

    Raises:
        OptionError: ``seed`` outside its domain.
        InputError: neither or both of ``counts`` and ``halves``; unusable or mismatched arrays; no
            document with tokens in both halves; a theta of another shape or not proportions.

    Source: Wallach et al. 2009 (document completion); Dieng, Ruiz and Blei 2020, section 6 (theta
    from one half, perplexity of the other).
    """
    beta = check_proportions(topic_word, where=_WHERE, name="topic_word")
    if (counts is None) == (halves is None):
        raise InputError(f"{_WHERE}: give either counts to split or the two halves, not both")
    if halves is None:
        first, second = split_halves(counts, seed=seed)
        split = f"halves by token, seed {seed}"
    else:
        first, second = _check_halves(halves)
        split = "halves as given"
    if first.shape[1] != beta.shape[1]:
        raise InputError(
            f"{_WHERE}: topic_word must have a column for each word of the counts: "
            f"{first.shape[1]} words, {beta.shape[1]} columns"
        )
    used = np.flatnonzero((first.sum(1) > 0) & (second.sum(1) > 0))
    if not used.size:
        raise InputError(
            f"{_WHERE}: no document has tokens in both halves; "
            "give documents of at least two tokens, or more of them"
        )
    left_out = first.shape[0] - used.size
    first, second = first[used], second[used]
    theta = check_proportions(
        transform(first), where=_WHERE, name="theta", rows=used.size, columns=beta.shape[0]
    )
    log_likelihood, impossible = _log_likelihood(theta, beta, second)
    tokens = float(second.sum())
    scored = describe(reference, int(used.size), "documents")
    rule = f"{split}; theta from the first, words of the second scored by theta . topic_word"
    if left_out:
        rule += f"; {left_out} documents without tokens in both halves left out"
    if impossible:
        rule += f"; {impossible:g} tokens have probability 0, so the perplexity is infinite"
    return Score(
        name=_WHERE,
        value=float("inf") if impossible else float(np.exp(-log_likelihood / tokens)),
        per_topic=None,
        reference=f"{scored}, {tokens:,.0f} tokens scored",
        window=None,
        top=None,
        rule=rule,
        source="Wallach et al. 2009; Dieng et al. 2020",
    )


def _check_halves(halves: tuple[Any, Any]) -> tuple[sp.csr_array, sp.csr_array]:
    if not isinstance(halves, tuple | list) or len(halves) != 2:
        raise InputError(f"{_WHERE}: halves must be a pair of count matrices")
    first = check_counts(halves[0], where=_WHERE, name="the first half")
    second = check_counts(halves[1], where=_WHERE, name="the second half")
    if first.shape != second.shape:
        raise InputError(
            f"{_WHERE}: both halves must have the same documents and words, "
            f"got shapes {first.shape} and {second.shape}"
        )
    return first, second


def _log_likelihood(
    theta: NDArray[np.floating[Any]], beta: NDArray[np.floating[Any]], counts: sp.csr_array
) -> tuple[float, float]:
    """Return sum x ln(theta . beta) over entries with p > 0, and the tokens whose p is 0."""
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    chunk = max(1, _GATHERED // beta.shape[0])
    # word after word in contiguous rows
    by_word = np.ascontiguousarray(beta.T)
    total = impossible = 0.0
    for start in range(0, counts.nnz, chunk):
        entries = slice(start, start + chunk)
        count = counts.data[entries]
        # in double precision: shares of 1e-30 and below are real probabilities here
        p = np.einsum(
            "ek,ek->e",
            theta[row[entries]],
            by_word[counts.indices[entries]],
            dtype=np.float64,
        )
        possible = p > 0
        total += float(count[possible] @ np.log(p[possible]))
        impossible += float(count[~possible].sum())
    return total, impossible
