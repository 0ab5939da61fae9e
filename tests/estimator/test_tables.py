import numpy as np
import pytest

from topicforge import TopicModel, load
from topicforge.errors import InputError

TEXTS = ["ball game team", "game ball score", "vote party law", "law vote senate"] * 10


@pytest.fixture(scope="module")
def model():
    return TopicModel(n_topics=3, epochs=3, seed=0).fit(TEXTS)


def test_share_and_size_are_those_of_the_training_documents(model, tmp_path):
    theta = model.transform(TEXTS)
    table = model.topic_table()
    assert table.column("share") == pytest.approx(theta.mean(0).tolist(), abs=1e-6)
    assert table.column("size") == np.bincount(theta.argmax(1), minlength=3).tolist()
    assert table.column("coherence") == [None] * 3
    model.save(tmp_path / "model")
    assert load(tmp_path / "model").topic_table().to_dicts() == table.to_dicts()
    with_documents = model.topic_table(TEXTS, ranking="probability")
    assert with_documents.column("share") == pytest.approx(table.column("share"), abs=1e-6)
    assert with_documents.column("size") == table.column("size")
    assert None not in with_documents.column("coherence")
    assert with_documents.column("words") == model.topics(ranking="probability")


def test_partial_fit_counts_too():
    model = TopicModel(n_topics=2).partial_fit(TEXTS)
    assert sum(model.topic_table().column("size")) == 40


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


def test_one_topic_and_documents_without_known_words():
    model = TopicModel(n_topics=1, epochs=1).fit([*TEXTS, "שלום עולם <b>"])
    (row,) = model.topic_table(TEXTS)
    assert (row.share, row.size, row.nearest, row.state) == (1, 40, None, "")
    assert model.topic_correlation(TEXTS).tolist() == [[1]]
    assert len(model.hierarchy()) == 0
    with pytest.warns(UserWarning, match="1 of 1 documents are empty"):
        (row,) = model.topic_table(["?"])
    assert (row.share, row.size, row.coherence) == (None, None, None)
    with (
        pytest.warns(UserWarning, match="1 of 1 documents are empty"),
        pytest.raises(InputError, match="at least one document must have words"),
    ):
        model.topic_correlation(["?"])
