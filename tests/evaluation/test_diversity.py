import pytest
from hypothesis import given
from hypothesis import strategies as st

from topicforge.errors import InputError, OptionError
from topicforge.evaluation import inverted_rbo, topic_diversity, topic_uniqueness

TOPICS = st.lists(
    st.permutations("abcdefgh").map(lambda letters: letters[:4]), min_size=1, max_size=6
)


def test_diversity_hand_worked():
    # a b c + a d e: five words of six
    assert topic_diversity([list("abc"), list("ade")], top=3).value == 5 / 6
    assert topic_diversity([list("abc"), list("ade")], top=1).value == 1 / 2


def test_diversity_of_short_topics_says_how_many_words_it_took():
    score = topic_diversity([list("abcd"), list("ax")])
    assert score.value == 5 / 6
    assert score.top == 4
    assert "25 words per topic were requested, the topics have 2 to 4" in score.rule


def test_uniqueness_hand_worked():
    # a is in three topics, b in two, the rest in one
    score = topic_uniqueness([list("abc"), list("abd"), list("axy")], top=3)
    first, third = (1 / 3 + 1 / 2 + 1) / 3, (1 / 3 + 1 + 1) / 3
    assert score.per_topic == pytest.approx([first, first, third], abs=1e-15)
    assert score.value == pytest.approx((2 * first + third) / 3, abs=1e-15)


def test_inverted_rbo_hand_worked():
    # a b c against a c d: agreements 1, 1/2, 2/3
    p = 0.9
    overlap = (1 - p) * (1 + p / 2 + p**2 * 2 / 3) + p**3 * 2 / 3
    score = inverted_rbo([list("abc"), list("acd")], top=3)
    assert score.value == pytest.approx(1 - overlap, abs=1e-12)


def test_inverted_rbo_extremes():
    assert inverted_rbo([list("abc")] * 3, top=3).value == pytest.approx(0, abs=1e-12)
    assert inverted_rbo([list("abc"), list("def")], top=3).value == 1


def test_inverted_rbo_weighs_the_first_words_most():
    early = inverted_rbo([list("abc"), list("axy")], top=3).value
    late = inverted_rbo([list("abc"), list("xyc")], top=3).value
    assert early < late


def test_one_topic_has_nothing_to_overlap_with():
    score = inverted_rbo([list("abc")], top=3)
    assert score.value == 1
    assert "one topic has no pair" in score.rule


@given(TOPICS, st.data())
def test_bounds_and_order_of_topics(topics, data):
    shuffled = data.draw(st.permutations(topics))
    for metric in (topic_diversity, topic_uniqueness, inverted_rbo):
        score = metric(topics, top=4)
        assert -1e-12 <= score.value <= 1 + 1e-12  # rounding of a sum of powers of p
        assert metric(shuffled, top=4).value == pytest.approx(score.value, abs=1e-12)
        if score.per_topic is not None:
            mean = sum(score.per_topic) / len(topics)
            assert mean == pytest.approx(score.value, abs=1e-12)
    assert topic_uniqueness(topics, top=4).value >= 1 / len(topics) - 1e-12
    assert topic_diversity(topics, top=4).value >= 1 / len(topics) - 1e-12


@given(TOPICS.filter(lambda topics: len(topics) > 1))
def test_disjoint_topics_are_as_diverse_as_can_be(topics):
    apart = [[f"{letter}{k}" for letter in topic] for k, topic in enumerate(topics)]
    for metric in (topic_diversity, topic_uniqueness, inverted_rbo):
        assert metric(apart, top=4).value == 1


@pytest.mark.parametrize("p", [0, 1, -0.1, float("nan")])
def test_p_outside_its_domain(p):
    with pytest.raises(OptionError, match="p must lie between 0 and 1"):
        inverted_rbo([list("abc"), list("def")], top=3, p=p)


@pytest.mark.parametrize("metric", [topic_uniqueness, inverted_rbo])
def test_topics_shorter_than_top(metric):
    with pytest.raises(InputError, match="topic 1 has 2 words, 3 are needed"):
        metric([list("abc"), list("ab")], top=3)
