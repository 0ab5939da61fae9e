import numpy as np
import pytest

import topicforge
from topicforge import TopicModel, load

TEXTS = ["ball game team", "game ball score", "vote party law", "law vote senate"] * 10


@pytest.fixture
def model():
    return TopicModel(n_topics=4, epochs=3, seed=0).fit(TEXTS)


def test_every_reading_follows_the_edits(model, tmp_path):
    theta, share = model.transform(TEXTS), model.topic_table().column("share")
    model.edits.merge(1, 3)
    model.edits.label({1: "both"})
    model.edits.hide(0)
    merged = model.transform(TEXTS)
    np.testing.assert_allclose(merged[:, 1], theta[:, 1] + theta[:, 3], rtol=1e-6)
    assert model.get_feature_names_out().tolist() == ["topicmodel0", "topicmodel1", "topicmodel2"]
    assert len(model.topics()) == len(model.topic_word_) == 3
    for ranking in ("association", "probability", "relevance", "frex", "decoder"):
        assert len(model.topics(3, ranking=ranking)) == 3
    table = model.topic_table(TEXTS)
    assert table.column("topic") == [1, 2]
    assert table[0].label == "both"
    assert model.topic_table()[0].share == pytest.approx(share[1] + share[3])
    assert model.document_table(TEXTS)[0].topic in (1, 2)
    folder = model.transform_to(TEXTS, tmp_path / "theta")
    np.testing.assert_array_equal(np.load(folder.file(0)), merged)

    model.save(tmp_path / "M")
    opened = load(tmp_path / "M")
    np.testing.assert_array_equal(opened.transform(TEXTS), merged)
    assert opened.topic_table().to_dicts() == model.topic_table().to_dicts()
    for edited in (model, opened):
        while len(edited.edits):
            edited.edits.undo()
        np.testing.assert_array_equal(edited.transform(TEXTS), theta)
    opened.save(tmp_path / "M")
    assert not (tmp_path / "M" / "edits.json").exists()


def test_a_fit_again_keeps_the_edits_of_topics_that_match(model):
    model.edits.merge(1, 3)
    with pytest.warns(UserWarning, match=r"1 of 1 edits are kept, .*\(merge 1\+3\)"):
        model.fit(TEXTS)
    assert model.transform(TEXTS).shape == (40, 3)
    # other words: nothing can match
    with pytest.warns(
        UserWarning, match=r"0 of 1 edits are kept, .*\(none\); left out: merge 1\+3"
    ):
        model.fit(["x1 y1 z1", "x1 y1 w1"] * 10)
    assert len(model.edits) == 0


def test_partial_fit_keeps_them():
    model = TopicModel(n_topics=4).partial_fit(TEXTS)
    model.edits.drop(2)
    assert model.partial_fit(TEXTS).transform(TEXTS).shape == (40, 3)


def test_an_exported_function_follows_the_edits(model, tmp_path):
    model.edits.merge(1, 3)
    model.edits.drop(0)
    done = model.export(tmp_path / "theta.pt")
    # compared with transform before it was written
    assert done.difference < 1e-6


def test_a_clone_has_none(model):
    from sklearn.base import clone

    model.edits.drop(0)
    assert len(clone(model).fit(TEXTS).edits) == 0
    assert topicforge.TopicModel is TopicModel
