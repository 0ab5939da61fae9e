import numpy as np
import pytest

from topicforge.errors import ModelFileError, OptionError
from topicforge.evaluation.rankings import Occurrences
from topicforge.results.edits import (
    Edits,
    carried_over,
    edited_occurrences,
    edited_theta,
    edited_topic_word,
    from_json,
    to_json,
)

TOPIC_WORD = np.array(
    [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 1]], dtype=np.float32
)  # topics 0 and 1 are equally near to topic 2
THETA = np.array([[0.5, 0.25, 0.25, 0], [0, 0, 0.5, 0.5], [0, 1, 0, 0]], dtype=np.float32)


def new():
    edits = Edits(4, [], lambda: edited_topic_word(edits.topics, TOPIC_WORD, np.ones(4)))
    return edits


def members(edits):
    return [topic.members for topic in edits.topics]


def test_merging_adds_theta_and_weighs_words():
    edits = new()
    edits.merge(3, 1)
    assert members(edits) == [(0,), (1, 3), (2,)]
    np.testing.assert_array_equal(
        edited_theta(edits.topics, THETA), [[0.5, 0.25, 0.25], [0, 0.5, 0.5], [0, 1, 0]]
    )
    word = edited_topic_word(edits.topics, TOPIC_WORD, np.array([0.1, 0.3, 0.5, 0.1]))
    # 0.3 of topic 1 to 0.1 of topic 3
    np.testing.assert_allclose(word, [[1, 0, 0], [0, 0.75, 0.25], [0.5, 0.5, 0]])
    # topics that no document has weigh the same
    np.testing.assert_allclose(
        edited_topic_word(edits.topics, TOPIC_WORD, np.array([1, 0, 0, 0]))[1], [0, 0.5, 0.5]
    )


def test_scores_of_minus_infinity_stay_so():
    edits = new()
    edits.merge(0, 1)
    scores = np.where(TOPIC_WORD > 0, TOPIC_WORD, -np.inf)
    one = edited_topic_word(edits.topics, scores, np.array([1, 0, 0, 0]))[0]
    assert one.tolist() == [1, -np.inf, -np.inf]
    assert edited_topic_word(edits.topics, scores, np.ones(4))[0].tolist() == [-np.inf] * 3


def test_numbers_are_those_of_the_moment():
    edits = new()
    edits.drop(0)
    edits.label({0: "second"})
    edits.merge(1, 2)
    edits.reorder(1)
    edits.hide(1)
    assert members(edits) == [(2, 3), (1,)]
    assert edits.topics[1] == (edits.topics[1].__class__)((1,), "second", hidden=True)
    # the second document loses nothing, the first half; the third has topic 1 alone
    np.testing.assert_allclose(edited_theta(edits.topics, THETA), [[0.5, 0.5], [1, 0], [0, 1]])
    edits.show(1)
    assert not edits.topics[1].hidden
    with pytest.raises(OptionError, match="numbered 0 to 1, got 2"):
        edits.hide(2)


def test_a_document_of_dropped_topics_alone_has_all_others_alike():
    edits = new()
    edits.drop(1)
    np.testing.assert_allclose(edited_theta(edits.topics, THETA)[2], [1 / 3] * 3)


def test_undo_gives_what_was_before():
    edits = new()
    edits.merge(0, 1)
    edits.label({0: "both"})
    assert str(edits.undo()) == "label 0+1 'both'"
    assert edits.topics[0].label is None
    edits.undo()
    assert members(edits) == [(0,), (1,), (2,), (3,)]
    with pytest.raises(OptionError, match="there is none"):
        edits.undo()


def test_reduce_joins_the_nearest_first():
    edits = new()
    edits.reduce(3)
    assert members(edits) == [(0, 2), (1,), (3,)]
    edits.reduce(1)
    assert members(edits) == [(0, 1, 2, 3)]
    assert len(edits) == 2
    edits.reduce(1)
    assert len(edits) == 2
    with pytest.raises(OptionError, match="n_topics must be 1 to 1, got 2"):
        edits.reduce(2)


def test_what_cannot_be_edited():
    edits = new()
    with pytest.raises(OptionError, match="at least 2 different topics, got \\[1, 1\\]"):
        edits.merge(1, 1)
    with pytest.raises(OptionError, match="at least one topic must be left"):
        edits.drop(0, 1, 2, 3)
    with pytest.raises(OptionError, match="one line of text, got 'a\\\\nb' for topic 0"):
        edits.label({0: "a\nb"})
    with pytest.raises(OptionError, match="whole number, got '1'"):
        edits.hide("1")
    with pytest.raises(OptionError, match="at least one topic"):
        edits.hide()
    assert len(edits) == 0


def test_json_brings_them_back():
    edits = new()
    edits.merge(0, 1)
    edits.label({0: "both", 1: "rest"})
    assert from_json(to_json(edits), 4, "file") == list(edits)
    for wrong in (
        [{"kind": "split", "groups": [[0]], "labels": []}],
        [{"kind": "merge", "groups": [[0, 9]], "labels": []}],
        [{"kind": "label", "groups": [[0]], "labels": []}],
        [{"kind": "drop", "groups": [[0], [1], [2], [3]], "labels": []}],
        [{"kind": "merge"}],
        7,
    ):
        with pytest.raises(ModelFileError, match="file: is no list of edits of 4 topics"):
            from_json(wrong, 4, "file")


def test_sums_that_rankings_read_are_merged():
    counted = Occurrences(
        np.arange(12.0).reshape(3, 4),
        np.arange(4.0),
        np.ones(3),
        np.ones(3),
        np.array([5.0, 0, 1, 2]),
        8,
    )
    edits = new()
    edits.merge(0, 3)
    after = edited_occurrences(edits.topics, counted)
    assert after.joint.tolist() == [[3, 1, 2], [11, 5, 6], [19, 9, 10]]
    assert (after.topic.tolist(), after.largest.tolist()) == ([3, 1, 2], [7, 0, 1])
    assert after.n_documents == 8


def test_edits_follow_matching_topics_to_another_fit():
    edits = new()
    edits.merge(0, 3)
    edits.label({1: "second", 2: "third"})
    edits.hide(2)
    # topic 0 comes back as 2, 1 as 0, 3 as 1; nothing is like topic 2
    other = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=np.float32)
    kept, lost = carried_over(list(edits), TOPIC_WORD, other)
    assert [str(edit) for edit in kept] == ["merge 1+2", "label 0 'second'"]
    assert [str(edit) for edit in lost] == ["hide 2"]
