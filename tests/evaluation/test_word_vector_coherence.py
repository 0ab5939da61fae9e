import numpy as np
import pytest

from topicforge.errors import InputError
from topicforge.evaluation import evaluate, word_vector_coherence

WORDS = ("a", "b", "c", "d", "e")
VECTORS = np.array([[1.0, 0], [0, 2], [0, 0], [3, 3], [-1, 0]])


def test_by_hand():
    score = word_vector_coherence([["a", "b", "d"], ["a", "e", "c"]], VECTORS, WORDS, top=3)
    # cos(a, b) = 0, with d both 1/sqrt(2); a and e are opposite, c has no vector
    assert score.per_topic == pytest.approx((2 / np.sqrt(2) / 3, -1.0))
    assert score.value == pytest.approx(np.mean(score.per_topic))
    assert "1 of 5 words have no vector" in score.rule


def test_a_topic_without_vectors_counts_nothing():
    assert word_vector_coherence([["c", "x"]], VECTORS, WORDS, top=2).value == 0


def test_it_is_a_metric():
    found = evaluate([["a", "d"]], vocabulary=WORDS, word_vectors=VECTORS, metrics="wec", top=2)
    assert found["wec"].value == pytest.approx(1 / np.sqrt(2))


@pytest.mark.parametrize("wrong", [VECTORS[0], np.full((5, 2), np.nan), np.zeros((5, 0))])
def test_unusable_vectors(wrong):
    with pytest.raises(InputError, match="word_vectors must be finite numbers"):
        word_vector_coherence([["a", "b"]], wrong, WORDS, top=2)
