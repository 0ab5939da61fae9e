import sys

import numpy as np
import pytest

from topicforge.errors import InputError, MissingExtraError
from topicforge.evaluation import c_v, evaluate, window_cooccurrence

NAMES = [f"w{i}" for i in range(9)]


@pytest.fixture
def texts():
    # no word twice in a text: gensim forgets repeats, the formula does not
    rng = np.random.default_rng(0)
    return [[str(w) for w in rng.permutation(NAMES)[:7]] for _ in range(80)]


def by_formula(topic, texts, window):
    """C_V of one topic: Röder et al. 2015, from counts of our own."""
    counts = window_cooccurrence(topic, texts, window=window)
    joint = counts.among(topic) / counts.total
    single = joint.diagonal()
    smoothed = joint + 1e-12
    npmi = np.log(smoothed / np.outer(single, single)) / -np.log(smoothed)
    whole = npmi.sum(0)
    norms = np.linalg.norm(npmi, axis=1) * np.linalg.norm(whole)
    return float(np.mean(npmi @ whole / norms))


def test_equals_the_formula(texts):
    topics = [NAMES[:4], NAMES[4:8]]
    score = c_v(topics, texts, window=3, top=4)
    expected = [by_formula(topic, texts, 3) for topic in topics]
    assert score.per_topic == pytest.approx(expected, rel=1e-9)
    assert score.value == pytest.approx(np.mean(expected), rel=1e-9)
    assert (score.window, score.top) == (3, 4)


def test_words_the_texts_lack_are_left_out_and_named(texts):
    with_stranger = c_v([[*NAMES[:4], "zebra"]], texts, window=3, top=5)
    assert with_stranger.value == c_v([NAMES[:4]], texts, window=3, top=4).value
    assert "1 words that the texts lack left out (zebra)" in with_stranger.rule


def test_a_topic_of_strangers_is_an_error(texts):
    with pytest.raises(InputError, match="topic 1 must have at least two words"):
        c_v([NAMES[:3], ["zebra", "w0", "yak"]], texts, top=3)


def test_without_gensim_the_error_names_the_extra(texts, monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim", None)
    with pytest.raises(MissingExtraError, match=r"topicforge\[coherence\]"):
        c_v([NAMES[:4]], texts, top=4)
    with pytest.raises(MissingExtraError, match=r"topicforge\[coherence\]"):
        evaluate([NAMES[:4]], texts=texts, top=4, metrics="c_v")
    scores = evaluate([NAMES[:4]], texts=texts, top=4)
    assert "topicforge[coherence]" in scores.skipped["c_v"]
    assert "npmi_window" in scores
