import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.contracts import Batch
from topicforge.errors import OptionError
from topicforge.estimator.ranking import Association


def batch(rows, vocab_size):
    crow = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    col = np.array([v for r in rows for v in r])
    return Batch(torch.from_numpy(crow), torch.from_numpy(col), torch.ones(len(col)), vocab_size)


def test_hand_worked():
    # documents {0, 1}, {0}, {2}, {2}; topic 0 owns the first two, topic 1 the others
    sums = Association(2, 4)
    sums.add(batch([[0, 1], [0]], 4), np.array([[1, 0], [1, 0]], np.float32))
    sums.add(batch([[2], [2]], 4), np.array([[0, 1], [0, 1]], np.float32))
    score = sums.scores()
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
    rows = [[0, 1], [0, 1], [0, 2], [2]] * 100
    sums = Association(2, 3)
    sums.add(batch(rows, 3), np.array([[1, 0], [1, 0], [0, 1], [0, 1]] * 100, np.float32))
    score = sums.scores()
    assert score[0, 0] > 5 * abs(score[1, 0])


def test_a_word_of_every_document_tells_nothing():
    sums = Association(1, 1)
    sums.add(batch([[0], [0]], 1), np.ones((2, 1), np.float32))
    assert sums.scores().tolist() == [[0.0]]


def test_the_model_ranks_by_it_and_says_so(planted):
    model = TopicModel("w-lda", n_topics=3, epochs=3, ranking="association").fit(planted[0])
    theta = model.transform(planted[0]).astype(float)
    present = (planted[0] > 0).toarray()
    used = present.any(0)
    n = theta.T @ present[:, used]
    given, word = n / n.sum(1, keepdims=True), present[:, used].sum(0)
    x = (n + 100 * theta.mean(0)[:, None]) / (word + 100)
    expected = given * np.log(given / (word / word.sum())) * x**4 / (x**4).sum(0)
    np.testing.assert_allclose(model.word_scores_[:, used], expected, atol=1e-6)  # float32 sums
    assert (model.word_scores_[:, ~used] == -1).all()
    assert model.ranking_.startswith("association")
    other = TopicModel("w-lda", n_topics=3, epochs=1, ranking="decoder").fit(planted[0])
    assert other.ranking_.startswith("decoder weight")


def test_unknown_rankings_are_named(planted):
    with pytest.raises(OptionError, match="association"):
        TopicModel(ranking="asociation").fit(planted[0])
