import math
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from topicforge.errors import InputError, OptionError
from topicforge.evaluation import perplexity, split_halves

COUNTS = np.array([[3, 2, 0, 4], [0, 6, 5, 0], [2, 2, 2, 2]])
BETA = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])


def always(theta):
    """A transform that gives this theta whatever it sees."""
    return lambda _: theta


def even(first):
    return np.full((first.shape[0], 2), 0.5)


def by_length(first):
    """A theta that depends on the document, for tests that would miss a mix-up of rows."""
    share = 1 / (1 + np.asarray(first.sum(1), dtype=float))
    return np.column_stack([share, 1 - share])


def test_hand_worked_value():
    # theta (1/4, 3/4): p = (0.175, 0.225, 0.275, 0.325)
    first, second = np.array([[1, 0, 0, 0]]), np.array([[2, 0, 1, 0]])
    score = perplexity(always([[0.25, 0.75]]), BETA, halves=(first, second))
    assert score.value == pytest.approx((0.175**2 * 0.275) ** (-1 / 3), rel=1e-12)


def test_uniform_topics_have_the_perplexity_of_the_vocabulary():
    assert perplexity(even, np.full((2, 4), 0.25), COUNTS).value == pytest.approx(4, rel=1e-12)


@given(st.integers(0, 100))
def test_equals_the_dense_formula(seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2, (7, 5)) + 1
    beta = rng.dirichlet([1] * 5, 2)
    first, second = (half.toarray() for half in split_halves(counts, seed=seed))
    kept = (first.sum(1) > 0) & (second.sum(1) > 0)
    p = by_length(first[kept]) @ beta
    expected = np.exp(-(second[kept] * np.log(p)).sum() / second[kept].sum())
    score = perplexity(by_length, beta, sp.csr_matrix(counts), seed=seed)
    assert score.value == pytest.approx(expected, rel=1e-12)


def test_small_chunks_change_nothing(monkeypatch):
    whole = perplexity(by_length, BETA, COUNTS).value
    # the package's attribute of this name is the function
    monkeypatch.setattr(sys.modules["topicforge.evaluation.perplexity"], "_GATHERED", 4)
    assert perplexity(by_length, BETA, COUNTS).value == pytest.approx(whole, rel=1e-12)


def test_the_transform_sees_the_first_half_only():
    seen = []

    def spy(first):
        seen.append(first)
        return even(first)

    perplexity(spy, BETA, COUNTS, seed=3)
    assert len(seen) == 1
    assert sp.issparse(seen[0])
    assert (seen[0] != split_halves(COUNTS, seed=3)[0]).nnz == 0


@given(arrays(np.int64, (5, 4), elements=st.integers(0, 9)).filter(np.any), st.integers(0, 9))
def test_halves_add_up_and_repeat(counts, seed):
    first, second = split_halves(counts, seed=seed)
    np.testing.assert_array_equal((first + second).toarray(), counts)
    assert first.nnz == 0 or first.data.min() > 0
    assert second.nnz == 0 or second.data.min() > 0
    again, _ = split_halves(sp.coo_array(counts), seed=seed)
    np.testing.assert_array_equal(first.toarray(), again.toarray())


def test_what_is_left_of_a_count_falls_as_a_token():
    counts = np.full((100, 100), 2.25)
    first, second = (half.toarray() for half in split_halves(counts, seed=0))
    np.testing.assert_allclose(first + second, counts)
    assert set(np.unique(first % 1)) == {0, 0.25}
    # 10,000 coins: standard deviation 50; five of them
    assert abs((first % 1 > 0).sum() - 5000) < 250
    whole, _ = split_halves(np.full((100, 100), 2), seed=0)
    np.testing.assert_array_equal(np.floor(first), whole.toarray())


def test_tokens_fall_by_a_fair_coin():
    first, _ = split_halves(np.full((100, 100), 4), seed=0)
    # 40,000 coins: standard deviation 100; five of them
    assert abs(first.sum() - 20_000) < 500
    # Binomial(4, 1/2) has variance 1; the estimate from 10,000 has standard deviation 0.013
    assert first.toarray().var() == pytest.approx(1, abs=0.065)
    assert (first != split_halves(np.full((100, 100), 4), seed=1)[0]).nnz > 0


def test_documents_without_tokens_in_both_halves_are_left_out_and_said():
    first = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]])
    second = np.array([[0, 1, 0, 0], [9, 9, 9, 9], [0, 0, 0, 0]])
    score = perplexity(always([[1.0, 0.0]]), BETA, halves=(first, second))
    assert score.value == pytest.approx(1 / 0.3, rel=1e-12)
    assert "2 documents without tokens in both halves left out" in score.rule
    assert score.reference == "1 documents, 1 tokens scored"


def test_a_word_of_probability_zero_is_infinite_and_said():
    beta = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]])
    score = perplexity(even, beta, halves=(COUNTS, COUNTS))
    assert score.value == math.inf
    assert "13 tokens have probability 0" in score.rule
    assert score.to_dict()["value"] is None


def test_float32_does_not_underflow():
    theta, beta = np.full((1, 2), 0.5, np.float32), np.float32([[1e-30, 1], [1e-30, 1]])
    halves = (np.array([[0, 1]]), np.array([[1, 0]]))
    score = perplexity(always(theta), beta, halves=halves)
    assert score.value == pytest.approx(1e30, rel=1e-6)  # 1e-30 as the nearest float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either counts to split or the two halves"),
        ({"counts": COUNTS, "halves": (COUNTS, COUNTS)}, "either counts"),
        ({"counts": -COUNTS}, "zero or more"),
        ({"counts": np.zeros((2, 4))}, "empty corpus"),
        ({"counts": np.ones((2, 3))}, "3 words, 4 columns"),
        ({"counts": np.eye(4)}, "no document has tokens in both halves"),
        ({"halves": (COUNTS, COUNTS[:2])}, "same documents and words"),
        ({"halves": COUNTS}, "pair of count matrices"),
    ],
)
def test_unusable_counts(arguments, message):
    with pytest.raises(InputError, match=message):
        perplexity(even, BETA, **arguments)


def test_a_models_own_likelihood():
    first, second = np.eye(2, 4), np.array([[0, 2, 0, 1], [0, 0, 2, 0]])
    score = perplexity(completion=lambda *_: [-6.0, -9.0], halves=(first, second))
    assert score.value == pytest.approx(math.exp((6 + 9) / 5), rel=1e-12)  # five tokens
    assert "per token" in score.rule
    assert "the model's own decoder" in score.rule


def test_a_likelihood_of_a_document_that_is_left_out_does_not_count():
    first, second = np.array([[1, 0], [0, 0]]), np.array([[0, 2], [7, 0]])
    score = perplexity(completion=lambda *_: [-6.0, -1e9], halves=(first, second))
    assert score.value == pytest.approx(math.exp(3), rel=1e-12)


@pytest.mark.parametrize("values", [[-1.0], [-1.0, math.nan, -1.0], [[-1.0], [-1.0], [-1.0]]])
def test_unusable_likelihoods(values):
    with pytest.raises(InputError, match=r"one log-likelihood per document|must be finite"):
        perplexity(completion=lambda *_: values, halves=(COUNTS, COUNTS))


def test_either_a_likelihood_or_a_mixture():
    with pytest.raises(InputError, match="transform and topic_word"):
        perplexity(even, counts=COUNTS)


@pytest.mark.parametrize(
    ("theta", "message"),
    [
        (np.full((2, 2), 0.5), r"theta must have shape \(3, 2\), got \(2, 2\)"),
        (np.full((3, 3), 1 / 3), r"theta must have shape \(3, 2\), got \(3, 3\)"),
        (np.full((3, 2), np.nan), "theta must hold finite proportions"),
        (np.ones((3, 2)), "each row of theta must sum to 1"),
    ],
)
def test_unusable_theta(theta, message):
    with pytest.raises(InputError, match=message):
        perplexity(always(theta), BETA, halves=(COUNTS, COUNTS))


def test_unusable_topic_word():
    with pytest.raises(InputError, match="each row of topic_word must sum to 1"):
        perplexity(even, BETA * 2, COUNTS)


@pytest.mark.parametrize("seed", [-1, 0.5, None, True])
def test_unusable_seed(seed):
    with pytest.raises(OptionError, match="seed must be a whole number"):
        split_halves(COUNTS, seed=seed)
