import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.contracts import Batch
from topicforge.errors import OptionError
from topicforge.ranking import Association


def batch(rows, vocab_size):
    crow = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    col = np.array([v for r in rows for v in r])
    return Batch(
        torch.from_numpy(crow), torch.from_numpy(col), torch.ones(len(col)), vocab_size
    )


def test_hand_worked():
    # documents {0, 1}, {0}, {2}, {2}; topic 0 owns the first two, topic 1 the others
    sums = Association(2, 4)
    sums.add(batch([[0, 1], [0]], 4), np.array([[1, 0], [1, 0]], np.float32))
    sums.add(batch([[2], [2]], 4), np.array([[0, 1], [0, 1]], np.float32))
    score = sums.scores()
    # word 0: p(v | k) = 1, p(v) = 1/2; word 1: p(v | k) = 1/2, p(v) = 1/4
    np.testing.assert_allclose(score[0], [np.log(2), 0.5**0.4 * np.log(2), -1, -1], atol=1e-6)
    np.testing.assert_allclose(score[1], [-1, -1, np.log(2), -1], atol=1e-6)


def test_a_word_of_every_document_tells_nothing():
    sums = Association(1, 1)
    sums.add(batch([[0], [0]], 1), np.ones((2, 1), np.float32))
    assert sums.scores().tolist() == [[0.0]]


def test_the_model_ranks_by_it_and_says_so(planted):
    model = TopicModel("w-lda", n_topics=3, epochs=3, ranking="association").fit(planted[0])
    theta = model.transform(planted[0]).astype(float)
    present = (planted[0] > 0).toarray()
    used = present.any(0)
    given = theta.T @ present[:, used] / theta.sum(0)[:, None]
    expected = given**0.4 * np.log(given / present[:, used].mean(0))
    np.testing.assert_allclose(model.word_scores_[:, used], expected, atol=1e-4)  # float32 sums
    assert (model.word_scores_[:, ~used] == -1).all()
    assert model.ranking_.startswith("association")
    other = TopicModel("w-lda", n_topics=3, epochs=1, ranking="decoder").fit(planted[0])
    assert other.ranking_.startswith("decoder weight")


def test_unknown_rankings_are_named(planted):
    with pytest.raises(OptionError, match="association"):
        TopicModel(ranking="asociation").fit(planted[0])
