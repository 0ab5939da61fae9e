from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topicforge.errors import InputError, OptionError
from topicforge.evaluation import window_cooccurrence, windows

WORDS = ["a", "b", "c"]
TEXTS = st.lists(st.lists(st.sampled_from("abcxy"), max_size=12), min_size=1, max_size=5)


def slide(texts, window):
    """Every window of every text, one after the other, as the definition says."""
    for text in texts:
        for start in range(max(1, len(text) - window + 1) if text else 0):
            yield set(text[start : start + window])


def naive(texts, window):
    joint = np.zeros((3, 3), dtype=int)
    for seen in slide(texts, window):
        for i, j in combinations_with_replacement(range(3), 2):
            if WORDS[i] in seen and WORDS[j] in seen:
                joint[i, j] += 1
                joint[j, i] = joint[i, j]
    return joint, sum(1 for _ in slide(texts, window))


def test_hand_worked_counts():
    # windows {a, x}, {x, b}, {b, a} and the short text's {a}
    counts = window_cooccurrence(WORDS, [["a", "x", "b", "a"], ["a"], []], window=2)
    assert counts.total == 4
    assert counts.joint.toarray().tolist() == [[3, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert counts.reference == "3 texts in 4 windows"


def test_a_repeat_within_a_window_counts_once():
    counts = window_cooccurrence(["a"], [["a", "a", "x", "a"]], window=3)
    assert counts.among(["a"]).item() == 2


@given(TEXTS.filter(any), st.integers(1, 14))
def test_equals_sliding_the_window(texts, window):
    joint, total = naive(texts, window)
    counts = window_cooccurrence(WORDS, iter(texts), window=window)
    np.testing.assert_array_equal(counts.joint.toarray(), joint)
    assert counts.total == total


@given(TEXTS.filter(any), st.integers(1, 5), st.integers(1, 9))
def test_bounded_memory_changes_nothing(texts, window, limit):
    joint, total = naive(texts, window)
    with pytest.MonkeyPatch.context() as patch:
        # so small that texts are cut in pieces and counted a few windows at a time
        patch.setattr(windows, "_INCIDENCES", limit)
        counts = window_cooccurrence(WORDS, texts, window=window)
    np.testing.assert_array_equal(counts.joint.toarray(), joint)
    assert counts.total == total


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a b c"], "must be a list of tokens, got a str"),
        ([], "at least one token, got 0 empty texts"),
        ([[], []], "at least one token, got 2 empty texts"),
        ([[["a"], ["b"]]], "flat list of words"),
        ([7], "got a int"),
    ],
)
def test_unusable_texts(texts, message):
    with pytest.raises(InputError, match=message):
        window_cooccurrence(WORDS, texts)


@pytest.mark.parametrize("window", [0, -1, 2.5, True])
def test_unusable_window(window):
    with pytest.raises(OptionError, match="window must be a whole number"):
        window_cooccurrence(WORDS, [["a"]], window=window)
