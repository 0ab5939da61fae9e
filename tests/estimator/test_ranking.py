import numpy as np
import pytest

import topicforge
from topicforge import TopicModel
from topicforge.errors import OptionError, UnknownNameError
from topicforge.estimator.readout import DECODER
from topicforge.evaluation.rankings import RANKINGS, lift, relevance

#: tokens of every training document are in p(w)
RELEVANCE = ("relevance", {"lambda_": 0.3})


@pytest.fixture(scope="module")
def model(planted):
    return TopicModel("w-lda", n_topics=3, epochs=3, ranking="association").fit(planted[0])


def test_the_model_ranks_by_association_and_says_so(model, planted):
    theta = model.transform(planted[0]).astype(float)
    present = (planted[0] > 0).toarray()
    used = present.any(0)
    n = theta.T @ present[:, used]
    given, word = n / n.sum(1, keepdims=True), present[:, used].sum(0)
    x = (n + 100 * theta.mean(0)[:, None]) / (word + 100)
    expected = given * np.log(given / (word / word.sum())) * x**4 / (x**4).sum(0)
    np.testing.assert_allclose(model.word_scores_[:, used], expected, atol=1e-6)  # float32 sums
    assert (model.word_scores_[:, ~used] == -1).all()
    assert model.ranked_by().startswith("association")
    other = TopicModel("w-lda", n_topics=3, epochs=1, ranking="decoder").fit(planted[0])
    assert other.ranked_by().startswith("decoder weight")


def test_every_ranking_of_one_fit(model, planted):
    tokens = np.asarray(planted[0].sum(0)).ravel()
    frequency = tokens / tokens.sum()
    beta = model.topic_word_
    for ranking, scores in (
        ("probability", beta),
        ("lift", lift(beta, frequency)),
        (RELEVANCE, relevance(beta, frequency, lambda_=0.3)),
    ):
        best = np.argsort(-scores.astype(np.float32), axis=1, kind="stable")[:, :5]
        assert model.topics(5, ranking=ranking) == best.tolist()
    assert model.topics(5) == model.topics(5, ranking="association")
    assert model.topics(5) != model.topics(5, ranking="probability")
    assert "lambda = 0.3" in model.ranked_by(RELEVANCE)


def test_a_saved_model_has_every_ranking(model, tmp_path):
    model.save(tmp_path / "M")
    again = topicforge.load(tmp_path / "M")
    for ranking in (None, DECODER, RELEVANCE, *RANKINGS):
        assert again.topics(8, ranking=ranking) == model.topics(8, ranking=ranking)
        assert again.ranked_by(ranking) == model.ranked_by(ranking)


def test_a_ranking_with_options_is_a_setting(planted, tmp_path):
    model = TopicModel("w-lda", n_topics=3, epochs=1, ranking=RELEVANCE).fit(planted[0])
    assert model.topics(5) == model.topics(5, ranking=RELEVANCE)
    model.save(tmp_path / "M")
    assert topicforge.load(tmp_path / "M").ranked_by() == model.ranked_by()


def test_partial_fits_count_other_documents_with_the_theta_they_had(planted):
    counts = planted[0]
    first, second = counts[:100], counts[100:]
    model = TopicModel("w-lda", n_topics=3, epochs=2)
    model.partial_fit(first)
    theta = model.transform(first).astype(float)
    model.partial_fit(second)
    theta = np.concatenate([theta, model.transform(second)])
    np.testing.assert_allclose(
        model._readout.occurrences().joint, (counts > 0).astype(float).T @ theta, atol=1e-4
    )
    model.partial_fit(second)  # again: counts once, with the theta of now
    assert model._readout.occurrences().n_documents == counts.shape[0]


@pytest.mark.parametrize(
    ("ranking", "error", "says"),
    [("asociation", OptionError, "association"), (("lift", {"x": 1}), UnknownNameError, "none")],
)
def test_unknown_rankings_are_named(model, planted, ranking, error, says):
    with pytest.raises(error, match=says):
        TopicModel(ranking=ranking).fit(planted[0])
    with pytest.raises(error, match=says):
        model.topics(ranking=ranking)
