"""What is drawn, against values worked by hand."""

import numpy as np
import pytest

from topicforge.contracts import EpochReport
from topicforge.errors import InputError
from topicforge.plot import data
from topicforge.results import ClassShare, Merge, Table, Topics


def topics_of(rows, words=("a", "b", "c"), **more):
    topic_word = np.array(rows, dtype=np.float32)
    return Topics(topic_word, topic_word, tuple(words), **more)


def distances(places):
    return np.linalg.norm(places[:, None] - places[None], axis=-1)


def test_topics_without_a_common_word_are_at_distance_one():
    places = data.topic_positions(np.eye(3))
    # three points with equal distances fit into the plane, so nothing is lost
    assert distances(places) == pytest.approx(1 - np.eye(3), abs=1e-4)


def test_the_places_are_the_hellinger_distances():
    rows = np.array([[0.9, 0.1, 0], [0.1, 0.9, 0], [0.5, 0.5, 0]])
    places = data.topic_positions(rows)
    # 1 - 2 sqrt(0.09) = 0.4; 1 - sqrt(0.45) - sqrt(0.05) = 0.1056
    assert distances(places)[0, 1] == pytest.approx(np.sqrt(0.4), rel=0.01)
    assert distances(places)[0, 2] == pytest.approx(np.sqrt(0.1056), rel=0.01)
    assert np.array_equal(places, data.topic_positions(rows))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_equal_topics_are_in_one_place(k):
    places = data.topic_positions(np.full((k, 3), 1 / 3))
    assert places.shape == (k, 2)
    assert np.isfinite(places).all()
    if k > 2:
        assert distances(places).max() < 1e-6


def test_a_document_is_at_the_weighted_mean_of_its_topics():
    places = np.array([[0.0, 0.0], [1.0, 2.0]])
    at = data.document_positions(np.array([[1.0, 0.0], [0.25, 0.75]]), places)
    assert at.tolist() == [[0.0, 0.0], [0.75, 1.5]]


def test_the_seven_most_frequent_labels_have_a_colour():
    labels = [*"aab", None, float("nan"), "", *"cdefgh"]
    groups = data.label_groups(np.zeros((len(labels), 1)), labels, ["0"])
    assert [(name, rows.tolist()) for name, _, rows in groups[:3]] == [
        ("others", [3, 4, 5, 11]), ("a", [0, 1]), ("b", [2]),
    ]  # fmt: skip
    assert groups[0][1] == "#999999"
    assert len({colour for _, colour, _ in groups}) == 8
    with pytest.raises(InputError, match="each of the 2 documents, got 1"):
        data.label_groups(np.zeros((2, 1)), ["a"], ["0"])


def test_without_labels_the_largest_topic_is_the_label():
    groups = data.label_groups(np.array([[0.2, 0.8], [0.9, 0.1]]), None, ["0 x", "1 y"])
    assert {name: rows.tolist() for name, _, rows in groups} == {"1 y": [0], "0 x": [1]}


def epoch(number, phase="train", **more):
    return EpochReport(
        epoch=number, epochs=2, phase=phase, loss=10.0 - number, reconstruction=8.0, divergence=4.0,
        divergence_weight=0.5 * number, active_topics=3, documents_per_second=1.0,
        learning_rate=0.1, **more,
    )  # fmt: skip


def test_the_curves_are_the_terms_of_the_loss():
    history = [epoch(1, "pretrain"), epoch(1), epoch(2, penalties={"sparse": 0.25})]
    assert data.curves(history) == {
        "loss": [9.0, 8.0],
        "reconstruction": [8.0, 8.0],
        "divergence × weight": [2.0, 4.0],
        "sparse": [None, 0.25],
        "active topics": [3, 3],
    }
    with pytest.raises(InputError, match="at least one epoch of training"):
        data.curves(history[:1])


def test_a_tree_has_a_bracket_for_each_merge():
    merges = Table(Merge, [Merge(3, 0, 2, 0.25, (0, 2)), Merge(4, 1, 3, 1.0, (0, 1, 2))])
    leaves, heights, places = data.tree(merges, ["zero", "one", "two"])
    assert leaves == ["one", "zero", "two"]
    assert heights.tolist() == [[0, 0.25, 0.25, 0], [0, 1.0, 1.0, 0.25]]
    assert places.tolist() == [[15, 15, 25, 25], [5, 5, 20, 20]]


def test_one_topic_has_no_bracket():
    leaves, heights, _ = data.tree([], ["only"])
    assert (leaves, len(heights)) == (["only"], 0)


def test_a_large_tree_is_cut(lda_corpus):
    _, rows = lda_corpus(1, 40, 200, 5, seed=0)
    topics = topics_of(rows, [f"w{v}" for v in range(40)])
    leaves, _, _ = data.tree_of(topics)
    assert len(leaves) == data.LEAVES
    assert any(leaf.startswith("(") for leaf in leaves)


TABLE = Table(
    ClassShare,
    [
        ClassShare(label, topic, f"name{topic}", share, 1)
        for label, shares in (("x", (0.1, 0.9)), ("y", (0.3, 0.7)))
        for topic, share in zip((2, 5), shares, strict=True)
    ],
)


def test_a_table_becomes_a_matrix():
    groups, names, shares = data.pivot(TABLE)
    assert groups == ["x", "y"]
    assert names == {2: "2 name2", 5: "5 name5"}
    assert shares.tolist() == [[0.1, 0.9], [0.3, 0.7]]
    with pytest.raises(InputError, match="at least one row"):
        data.pivot(Table(ClassShare, []))


def test_lines_are_of_the_largest_topics_or_of_those_asked_for():
    _, lines = data.lines_of(TABLE, None)
    assert [name for name, _, _ in lines] == ["5 name5", "2 name2"]
    _, lines = data.lines_of(TABLE, [2])
    assert [(name, values.tolist()) for name, _, values in lines] == [("2 name2", [0.1, 0.3])]
    with pytest.raises(InputError, match="got 3"):
        data.lines_of(TABLE, [3])
