"""What every metric requires of a list of topics, from any program."""

import numpy as np
import pytest

from topicforge.errors import InputError, OptionError
from topicforge.evaluation import (
    c_v,
    evaluate,
    inverted_rbo,
    npmi,
    npmi_window,
    topic_diversity,
    topic_uniqueness,
    u_mass,
)

WORDS = list("abcdef")
TEXTS = [list("abc"), list("def")]
METRICS = {
    "npmi": lambda topics, top: npmi(topics, np.eye(6), WORDS, top=top),
    "u_mass": lambda topics, top: u_mass(topics, np.eye(6), WORDS, top=top),
    "npmi_window": lambda topics, top: npmi_window(topics, TEXTS, top=top),
    "c_v": lambda topics, top: c_v(topics, TEXTS, top=top),
    "td": lambda topics, top: topic_diversity(topics, top=top),
    "tu": lambda topics, top: topic_uniqueness(topics, top=top),
    "irbo": lambda topics, top: inverted_rbo(topics, top=top),
    "evaluate": lambda topics, top: evaluate(topics, top=top),
}


@pytest.fixture(params=list(METRICS))
def metric(request):
    return METRICS[request.param]


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        ([], "at least one topic, got an empty list"),
        ([[]], "topic 0 has 0 words"),
        ([list("abc"), []], "topic 1 has 0 words"),
        ("a b c", "got a str"),
        (None, "got a NoneType"),
        ({0: list("abc")}, "got a dict"),
        (["abc"], "topic 0 must be a list of words, got 'abc'"),
        ([list("abc"), 7], "topic 1 must be a list of words, got 7"),
        ([[0, 1, 2]], "topic 0 must hold words, got 0"),
        ([["a", "", "b"]], "topic 0 must hold words, got ''"),
        ([[("a", 0.5), ("b", 0.4), ("c", 0.1)]], "must hold words, got"),
        ([list("aba")], "topic 0 names 'a' 2 times"),
    ],
)
def test_unusable_topics_are_an_error_of_ours(metric, topics, message):
    with pytest.raises(InputError, match=message):
        metric(topics, 3)


@pytest.mark.parametrize("top", [0, -3, 2.0, True, None])
def test_unusable_top(metric, top):
    with pytest.raises(OptionError, match="top must be a whole number"):
        metric([list("abc")], top)


def test_repeats_beyond_the_top_words_do_not_matter():
    assert topic_uniqueness([list("abca")], top=3).value == 1


def test_arrays_and_generators_of_words_are_topics_too():
    lists = [list("abc"), list("abd")]
    assert topic_uniqueness(np.array(lists), top=3) == topic_uniqueness(iter(lists), top=3)
