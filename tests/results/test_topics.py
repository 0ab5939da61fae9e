import numpy as np
import pytest
import scipy.sparse as sp

from topicforge.errors import InputError, OptionError
from topicforge.results import Topics, correlation, find_topics, hierarchy, similarity, topic_table

WORDS = ("ball", "game", "team", "vote")
TOPIC_WORD = np.array([[0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1]], dtype=np.float32)


def topics(**changes):
    given = {
        "topic_word": TOPIC_WORD, "word_scores": TOPIC_WORD, "vocabulary": WORDS,
        "share": np.array([0.5, 0.25, 0.25]), "size": np.array([3, 0, 1]),
    }  # fmt: skip
    return Topics(**{**given, **changes})


def test_similarity_is_the_sum_of_roots_of_products():
    # sqrt(0.5 * 0.5) for the one word in common
    np.testing.assert_allclose(
        similarity(TOPIC_WORD), [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]], atol=1e-7
    )


def test_topic_table():
    # ball and game in documents 0 and 1 of 4, team in 2, vote in 3
    bow = sp.csr_array(np.array([[1, 1, 0, 0], [2, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    table = topic_table(topics(labels={0: "sport"}), bow=bow, top=2)
    first, second, third = table
    assert (first.topic, first.label, first.share, first.size) == (0, "sport", 0.5, 3)
    assert first.words == ("ball", "game")
    assert first.weights == (0.5, 0.5)
    assert first.nearest == 1
    assert first.similarity == pytest.approx(0.5)
    assert (second.state, third.state) == ("dead", "")
    assert third.label == "vote, ball, game"
    # V = 4, so that all four words are each topic's: of its 6 pairs only ball and game ever meet,
    # ln(0.5 / 0.25) / -ln 0.5 = 1, and five count -1
    assert [row.coherence for row in table] == pytest.approx([(1 - 5) / 6] * 3)


def test_a_duplicate_is_named_and_hidden_topics_are_left_out():
    scores = np.tile(np.arange(20.0, 0, -1, dtype=np.float32), (3, 1))
    # topic 1 has 8 of the ten words of topic 0, topic 2 has 7
    scores[1, [0, 1]] = 0
    scores[2, [0, 1, 2]] = 0
    even = np.full((3, 20), 1 / 20, dtype=np.float32)
    table = topic_table(Topics(even, scores, None))
    assert [row.state for row in table] == ["", "duplicate of 0", "duplicate of 1"]
    assert table[1].words[0] == "2"
    assert [
        row.topic for row in topic_table(Topics(even, scores, None, hidden=frozenset({1})))
    ] == [0, 2]


def test_one_topic_has_no_neighbour():
    (row,) = topic_table(
        topics(topic_word=TOPIC_WORD[:1], word_scores=TOPIC_WORD[:1], share=None, size=None)
    )
    assert (row.nearest, row.similarity, row.share, row.state) == (None, None, None, "")
    assert len(hierarchy(TOPIC_WORD[:1])) == 0


def test_find_topics_is_bayes_rule():
    table, unknown = find_topics(topics(), ["ball", "umpire"], n=2)
    # 0.5 * 0.5 : 0.25 * 0.5 : 0
    assert [(row.topic, row.score) for row in table] == [
        (0, pytest.approx(2 / 3)),
        (1, pytest.approx(1 / 3)),
    ]
    assert unknown == ("umpire",)
    both, _ = find_topics(topics(), ["ball", "game"])
    assert both[0].score == 1
    never, _ = find_topics(topics(), ["ball", "vote"])
    assert [row.score for row in never] == [0, 0, 0]
    with pytest.raises(InputError, match=r"got 'bell'\. Did you mean 'ball'"):
        find_topics(topics(), ["bell"])
    with pytest.raises(InputError, match="no word"):
        find_topics(topics(), [])
    with pytest.raises(OptionError, match="n must be a whole number of at least 1, got 0"):
        find_topics(topics(), ["ball"], n=0)


def test_correlation_is_numpys_and_zero_for_a_constant_topic():
    theta = np.random.default_rng(0).dirichlet(np.ones(4), size=30).astype(np.float32)
    np.testing.assert_allclose(correlation(theta), np.corrcoef(theta.T), atol=1e-6)
    theta = np.array([[0.2, 0.5, 0.3], [0.2, 0.3, 0.5], [0.2, 0.4, 0.4]], dtype=np.float32)
    np.testing.assert_allclose(correlation(theta), [[1, 0, 0], [0, 1, -1], [0, -1, 1]], atol=1e-6)


def test_hierarchy():
    first, second = hierarchy(TOPIC_WORD)
    # topics 0 and 1 are sqrt(1 - 0.5) apart; both are 1 from topic 2
    assert (first.cluster, first.left, first.right, first.topics) == (3, 0, 1, (0, 1))
    assert first.distance == pytest.approx(0.5**0.5)
    assert (second.cluster, {second.left, second.right}, second.topics) == (4, {2, 3}, (0, 1, 2))
    assert second.distance == pytest.approx(1)
    # cosine of (1, 1) and (1, 0, 1): 1/2
    assert hierarchy(TOPIC_WORD, distance="cosine")[0].distance == pytest.approx(0.5)
    with pytest.raises(OptionError, match="distance must be one of hellinger, cosine, got 'l2'"):
        hierarchy(TOPIC_WORD, distance="l2")
