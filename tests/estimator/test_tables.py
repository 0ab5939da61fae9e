import numpy as np
import pytest

from topicforge import TopicModel, load
from topicforge.errors import InputError

TEXTS = ["ball game team", "game ball score", "vote party law", "law vote senate"] * 10


@pytest.fixture(scope="module")
def model():
    return TopicModel(n_topics=3, epochs=3, seed=0).fit([*TEXTS, ""])


@pytest.mark.parametrize("ranking", ["decoder", "association"])
@pytest.mark.filterwarnings("ignore:TopicModel. 1 of 41")
def test_share_and_size_are_those_of_the_training_documents(ranking, tmp_path):
    model = TopicModel(n_topics=3, epochs=2, ranking=ranking).fit([*TEXTS, ""])
    theta = model.transform(TEXTS)
    np.testing.assert_allclose(model.topic_share_, theta.mean(0), atol=1e-6)
    assert model.topic_size_.tolist() == np.bincount(theta.argmax(1), minlength=3).tolist()
    model.save(tmp_path / "model")
    opened = load(tmp_path / "model")
    assert (opened.topic_share_ == model.topic_share_).all()
    assert opened.topic_table().to_dicts() == model.topic_table().to_dicts()
    with_documents = model.topic_table(TEXTS)
    assert [row.share for row in with_documents] == pytest.approx(
        model.topic_share_.tolist(), abs=1e-6
    )
    assert all(row.coherence is not None for row in with_documents)
    assert all(row.coherence is None for row in model.topic_table())


def test_partial_fit_knows_shares_where_it_reads_the_documents_anyway():
    assert TopicModel(n_topics=2, ranking="association").partial_fit(TEXTS).topic_size_.sum() == 40
    model = TopicModel(n_topics=2, ranking="decoder").partial_fit(TEXTS)
    assert model.topic_share_ is None
    assert model.topic_table()[0].share is None
    assert model.topic_table(TEXTS)[0].share is not None


@pytest.mark.filterwarnings("ignore:TopicModel. 1 of")
def test_document_tables(model):
    theta = model.transform(TEXTS)
    table = model.document_table(iter([*TEXTS, ""]))
    assert [row.topic for row in table] == [*theta.argmax(1).tolist(), None]
    assert table[0].text == TEXTS[0]
    best = model.topic_documents(1, 2, TEXTS)
    assert best[0].share == pytest.approx(float(theta[:, 1].max()))
    assert model.topic_correlation(TEXTS).shape == (3, 3)
    assert len(model.topics_per_class(TEXTS, ["a", "b"] * 20)) == 6
    assert len(model.topics_over_time(TEXTS, range(40), bins=4)) == 12
    assert len(model.hierarchy()) == 2
    with pytest.raises(InputError, match="documents must be given"):
        model.topic_documents(0, 2)


def test_find_topics_cuts_the_phrase_as_the_texts(model):
    assert len(model.find_topics("Ball, game!", 2)) == 2
    with pytest.warns(UserWarning, match="lacks 'umpire'"):
        model.find_topics("the umpire's ball")
