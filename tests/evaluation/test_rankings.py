import numpy as np
import pytest
import scipy.sparse as sp

from topicforge.errors import InputError, OptionError, UnknownNameError
from topicforge.evaluation.rankings import (
    RANKINGS,
    Occurrences,
    association,
    frex,
    lift,
    ranked_by,
    relevance,
    top_columns,
    word_scores,
)

BETA = np.array([[0.5, 0.4, 0.1, 0.0], [0.5, 0.1, 0.2, 0.2]])
FREQUENCY = np.array([0.5, 0.25, 0.25, 0.0])


def counts(rows, vocab_size):
    indptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    indices = np.array([v for r in rows for v in r])
    return sp.csr_array((np.ones(len(indices)), indices, indptr), shape=(len(rows), vocab_size))


def test_relevance_by_hand():
    found = relevance(BETA, FREQUENCY, lambda_=0.6)
    # 0.6 log p(v | k) + 0.4 log(p(v | k) / p(v))
    assert found[0, 1] == pytest.approx(0.6 * np.log(0.4) + 0.4 * np.log(0.4 / 0.25))
    assert found[1, 0] == pytest.approx(0.6 * np.log(0.5) + 0.4 * np.log(1.0))
    assert found[0, 3] == found[1, 3] == -np.inf  # a word that never occurs


def test_relevance_runs_from_lift_to_probability():
    used = FREQUENCY > 0
    beta, frequency = BETA[:, used], FREQUENCY[used]
    np.testing.assert_allclose(relevance(beta, frequency, lambda_=1), np.log(beta))
    np.testing.assert_allclose(relevance(beta, frequency, lambda_=0), np.log(lift(beta, frequency)))
    # by probability word 0 leads both topics, by lift none
    assert top_columns(relevance(beta, frequency, lambda_=1), 1).ravel().tolist() == [0, 0]
    assert top_columns(relevance(beta, frequency, lambda_=0), 1).ravel().tolist() == [1, 0]


def test_lift_by_hand():
    np.testing.assert_allclose(lift(BETA, FREQUENCY)[0], [1, 1.6, 0.4, -np.inf])


def test_frex_by_hand():
    found = frex(BETA, weight=0.5)
    # topic 0: exclusivity 1/2, 4/5, 1/3, 0 has ranks 3, 4, 2, 1; probability 4, 3, 2, 1; of 4 words
    expected = [1 / (0.5 / (a / 4) + 0.5 / (b / 4)) for a, b in ((3, 4), (4, 3), (2, 2), (1, 1))]
    np.testing.assert_allclose(found[0], expected)
    # ties: words 2 and 3 of topic 1 have probability 0.2, below word 0 alone
    np.testing.assert_allclose(frex(BETA, weight=0)[1], [1, 1 / 4, 3 / 4, 3 / 4])


def test_association_by_hand():
    # documents {0, 1}, {0}, {2}, {2}; topic 0 owns the first two, topic 1 the others
    sums = Occurrences.zeros(2, 4)
    sums.add(counts([[0, 1], [0]], 4), np.array([[1, 0], [1, 0]], np.float32))
    sums.add(counts([[2], [2]], 4), np.array([[0, 1], [0, 1]], np.float32))
    score = association(sums)
    # x of word 0: (2 + 50) / 102 against 50 / 102; of word 1: 51 / 101 against 50 / 101
    own = [52**4 / (52**4 + 50**4), 51**4 / (51**4 + 50**4)]
    # word 0: p(v | k) = 2/3, p(v) = 2/5; word 1: 1/3 and 1/5; word 2 under topic 1: 1 and 2/5
    ratio = np.log(5 / 3)
    np.testing.assert_allclose(
        score[0], [2 / 3 * ratio * own[0], ratio / 3 * own[1], -1, -1], rtol=1e-6
    )
    np.testing.assert_allclose(score[1], [-1, -1, np.log(5 / 2) * own[0], -1], rtol=1e-6)


def test_a_shared_word_goes_to_the_topic_that_has_most_of_it():
    # word 0 is in every document of topic 0 and in every second one of topic 1
    sums = Occurrences.zeros(2, 3)
    theta = np.array([[1, 0], [1, 0], [0, 1], [0, 1]] * 100, np.float32)
    sums.add(counts([[0, 1], [0, 1], [0, 2], [2]] * 100, 3), theta)
    score = association(sums)
    assert score[0, 0] > 5 * abs(score[1, 0])


def test_a_word_of_every_document_tells_nothing():
    sums = Occurrences.zeros(1, 1)
    sums.add(counts([[0], [0]], 1), np.ones((2, 1), np.float32))
    assert association(sums).tolist() == [[0.0]]


def test_occurrences_count_tokens_and_documents():
    bow = sp.csr_array(np.array([[3.0, 0, 1], [1, 0, 0]]))
    sums = Occurrences.zeros(1, 3)
    sums.add(bow, np.ones((2, 1), np.float32))
    assert sums.tokens.tolist() == [4, 0, 1]
    assert sums.documents.tolist() == [2, 0, 1]
    assert sums.word_frequency.tolist() == [0.8, 0, 0.2]
    assert (sums + sums).n_documents == 4
    assert bow.data.tolist() == [3, 1, 1]


@pytest.mark.parametrize("name", RANKINGS)
def test_every_ranking_by_name(name):
    sums = Occurrences.zeros(2, 4)
    sums.add(counts([[0, 1], [2, 3]], 4), np.eye(2, dtype=np.float32))
    found = word_scores(BETA, name, occurrences=sums)
    assert found.shape == BETA.shape
    assert found.dtype == np.float32
    assert RANKINGS[name].source in ranked_by(name)


def test_options_by_name():
    other = word_scores(BETA, ("relevance", {"lambda_": 0.2}), word_frequency=FREQUENCY)
    np.testing.assert_allclose(other, relevance(BETA, FREQUENCY, lambda_=0.2), rtol=1e-6)
    assert "lambda = 0.2" in ranked_by(("relevance", {"lambda_": 0.2}))


@pytest.mark.parametrize(
    ("ranking", "error", "says"),
    [
        ("relevence", OptionError, "relevance"),
        (("relevance", {"lamda": 1}), UnknownNameError, "lambda_"),
        (("relevance", {"lambda_": 2}), OptionError, "from 0 to 1"),
        (("lift", {"lambda_": 1}), UnknownNameError, "none"),
        ("relevance", InputError, "word_frequency"),
        ("association", InputError, "occurrences"),
    ],
)
def test_what_does_not_fit_is_said(ranking, error, says):
    with pytest.raises(error, match=says):
        word_scores(BETA, ranking)
