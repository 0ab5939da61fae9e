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
#: first and second halves, (N, V) CSR each → (N,) log p(second half | theta of the first), per document
Completion = Callable[[Any, Any], Any]


def split_halves(counts: Any, *, seed: int = 0) -> tuple[sp.csr_array, sp.csr_array]:
    """h1_dv ~ Binomial(x_dv, 1/2), h2 = x - h1: each token falls into one half by a fair coin.

    What is left of a count that is not whole, of weighted counts say, falls as one token does.

    Args:
        counts: (N, V) counts, scipy sparse or dense.
        seed: the same counts and seed give the same halves.

    Returns:
        Two (N, V) CSR of canonical form whose sum is ``counts``, int64 where those are whole; zeros are
        not stored.

    Raises:
        OptionError: ``seed`` is not a whole number of zero or more.
        InputError: unusable counts.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"{_WHERE}: seed must be a whole number of zero or more, got {seed!r}")
    whole = check_counts(counts, where=_WHERE, name="counts").copy()
    # one entry a (document, word), in one order, so that storage does not change the halves
    whole.sum_duplicates()
    tokens = np.floor(whole.data).astype(np.int64)
    rest = whole.data - tokens
    coins = np.random.default_rng(seed)
    first = coins.binomial(tokens, 0.5)
    second = tokens - first
    if rest.any():
        heads = coins.random(len(rest)) < 0.5
        first, second = first + np.where(heads, rest, 0), second + np.where(heads, 0, rest)

    def half(data: NDArray[Any]) -> sp.csr_array:
        # copies, because eliminate_zeros moves entries within the arrays it was given
        arrays = (data.copy(), whole.indices.copy(), whole.indptr.copy())
        built = sp.csr_array(arrays, shape=whole.shape)
        built.eliminate_zeros()
        return built

    return half(first), half(second)


def perplexity(
    transform: Transform | None = None,
    topic_word: Any = None,
    counts: Any = None,
    *,
    completion: Completion | None = None,
    halves: tuple[Any, Any] | None = None,
    seed: int = 0,
    reference: str | None = None,
) -> Score:
    """exp(-sum_d log p(h2_d | theta_d) / sum_dv h2_dv) per token, theta_d inferred from h1_d.

    log p is the model's own, given by ``completion`` (:meth:`topicforge.TopicModel.completion`). A
    mixture of topics of any program needs ``transform`` and ``topic_word`` instead: log p(h2_d) =
    sum_v h2_dv log(theta_d . beta_v), where only the words that occur in the second half are scored,
    O(nnz K) work, and no (N, V) array is made.

    Args:
        transform: (N', V) CSR counts of first halves → (N', K) theta; called once.
        topic_word: (K, V) topic-word probabilities, rows sum to 1.
        counts: (N, V) held-out counts, to be split by :func:`split_halves`.
        completion: (N, V) CSR counts of first halves, the same of second halves → (N,) log-likelihood of
            each second half given the first; called once; instead of ``transform`` and ``topic_word``.
        halves: the two halves, where they are given already; instead of ``counts``. Counts here
            may be fractions.
        seed: of the split; without effect on ``halves``.
        reference: name of the held-out documents, for the provenance.

    Returns:
        Score per token, lower is better; infinite where a word that occurs has probability 0,
        and the rule says how many tokens do. Documents that lack tokens in either half are left
        out, and the rule says how many.

    Raises:
        OptionError: ``seed`` outside its domain.
        InputError: neither or both of ``counts`` and ``halves``; neither completion nor transform with
            topic_word; unusable or mismatched arrays; no document with tokens in both halves; a theta of
            another shape or not proportions; likelihoods that are not one finite number per document.

    Source: Wallach et al. 2009 (document completion); Dieng, Ruiz and Blei 2020, section 6 (theta
    from one half, perplexity of the other).
    """
    if (counts is None) == (halves is None):
        raise InputError(f"{_WHERE}: give either counts to split or the two halves, not both")
    if completion is None and (transform is None or topic_word is None):
        raise InputError(
            f"{_WHERE}: give completion, a model's own log-likelihood of second halves, or transform and "
            "topic_word of a mixture of topics"
        )
    if halves is None:
        first, second = split_halves(counts, seed=seed)
        split = f"per token; halves by token, seed {seed}"
    else:
        first, second = _check_halves(halves)
        split = "per token; halves as given"
    used = np.flatnonzero((first.sum(1) > 0) & (second.sum(1) > 0))
    if not used.size:
        raise InputError(
            f"{_WHERE}: no document has tokens in both halves; "
            "give documents of at least two tokens, or more of them"
        )
    impossible = 0.0
    if completion is not None:
        each = _check_likelihoods(completion(first, second), first.shape[0])[used]
        log_likelihood = float(each.sum())
        scorer = "the model's own decoder"
    else:
        assert transform is not None
        beta = check_proportions(topic_word, where=_WHERE, name="topic_word")
        if first.shape[1] != beta.shape[1]:
            raise InputError(
                f"{_WHERE}: topic_word must have a column for each word of the counts: "
                f"{first.shape[1]} words, {beta.shape[1]} columns"
            )
        theta = check_proportions(
            transform(first[used]),
            where=_WHERE,
            name="theta",
            rows=used.size,
            columns=beta.shape[0],
        )
        log_likelihood, impossible = _log_likelihood(theta, beta, second[used])
        scorer = "theta . topic_word"
    left_out = first.shape[0] - used.size
    tokens = float(second[used].sum())
    scored = describe(reference, int(used.size), "documents")
    rule = f"{split}; theta from the first, words of the second scored by {scorer}"
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


def _check_likelihoods(values: Any, n_documents: int) -> NDArray[np.float64]:
    each = np.asarray(values, dtype=np.float64)
    if each.shape != (n_documents,):
        raise InputError(
            f"{_WHERE}: completion must give one log-likelihood per document, ({n_documents},), got "
            f"shape {each.shape}"
        )
    wrong = np.flatnonzero(np.isnan(each))
    if wrong.size:
        raise InputError(
            f"{_WHERE}: log-likelihoods must be finite, got NaN for document {wrong[0]}; the model may have "
            "diverged in training"
        )
    return each


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
