import math

import numpy as np
import pytest
from gensim.corpora import Dictionary
from gensim.models.coherencemodel import CoherenceModel
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from topicforge.errors import InputError, OptionError
from topicforge.evaluation import npmi, npmi_window

VOCABULARY = ["a", "b", "c", "d"]
# documents: {a, b}, {a, b, c}, {a}, {c}
BOW = np.array([[2, 1, 0, 0], [1, 3, 1, 0], [5, 0, 0, 0], [0, 0, 1, 0]])
# NPMI by hand: p_a = 3/4, p_b = p_c = 1/2, p_ab = 1/2, p_ac = p_bc = 1/4
AB = math.log(4 / 3) / math.log(2)
AC = math.log(2 / 3) / math.log(4)
BC = 0.0


def test_hand_worked_values():
    score = npmi([["a", "b", "c"], ["c", "a", "b"]], BOW, VOCABULARY, top=3)
    assert score.per_topic == pytest.approx([(AB + AC + BC) / 3] * 2, abs=1e-12)
    assert score.value == pytest.approx((AB + AC + BC) / 3, abs=1e-12)
    assert (score.name, score.top, score.window) == ("npmi", 3, "document")


def test_only_the_top_words_count():
    assert npmi([["a", "b", "c"]], BOW, VOCABULARY, top=2).value == pytest.approx(AB, abs=1e-12)


@pytest.mark.parametrize("never", [-1.0, 0.0])
def test_pairs_never_seen_together(never):
    bow = np.array([[1, 0], [0, 1]])
    score = npmi([["a", "b"]], bow, ["a", "b"], top=2, never=never)
    assert score.value == never
    assert f"never co-occurs counts {never:g}" in score.rule


def test_a_whole_number_for_pairs_never_seen_truncates_no_other_pair():
    whole = npmi([["a", "b", "c"]], BOW, VOCABULARY, top=3, never=0)
    assert whole == npmi([["a", "b", "c"]], BOW, VOCABULARY, top=3, never=0.0)
    assert whole.value != 0


def test_a_pair_in_every_document_is_one():
    assert npmi([["a", "b"]], np.ones((3, 2)), ["a", "b"], top=2).value == 1.0


def test_words_the_reference_lacks_count_as_never_and_the_rule_names_them():
    score = npmi([["a", "b", "d"], ["a", "b", "zebra"]], BOW, VOCABULARY, top=3)
    assert score.per_topic == pytest.approx([(AB - 2) / 3] * 2, abs=1e-12)
    assert "lacks 2 of 4 words (d, zebra)" in score.rule


def test_words_the_reference_lacks_can_be_an_error():
    with pytest.raises(InputError, match="1 of 2 do not: zebra"):
        npmi([["a", "zebra"]], BOW, VOCABULARY, top=2, unseen="error")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unseen": "eror"}, "got 'eror'. Did you mean 'error'"),
        ({"never": -2}, "within"),
        ({"never": math.nan}, "within"),
        ({"top": 1}, "at least 2"),
    ],
)
def test_options_outside_their_domain(options, message):
    with pytest.raises(OptionError, match=message):
        npmi([["a", "b"]], BOW, VOCABULARY, **{"top": 2, **options})


@given(
    arrays(np.int64, (8, 4), elements=st.integers(0, 1)).filter(np.any),
    st.permutations(VOCABULARY),
    st.permutations(range(8)),
)
def test_bounds_and_order_of_words_and_documents(bow, words, documents):
    value = npmi([VOCABULARY], bow, VOCABULARY, top=4).value
    assert -1 - 1e-12 <= value <= 1 + 1e-12  # rounding of a quotient of logarithms
    other = npmi([words], bow[list(documents)], VOCABULARY, top=4).value
    assert other == pytest.approx(value, abs=1e-12)  # another order of summation


def test_by_window_hand_worked():
    # windows of two tokens: {a, x}, {x, b}, {b, a}, {a}: p_a = 3/4, p_b = 1/2, p_ab = 1/4
    score = npmi_window([["a", "b"]], [["a", "x", "b", "a"], ["a"]], window=2, top=2)
    assert score.value == pytest.approx(AC, abs=1e-12)
    assert (score.name, score.window) == ("npmi_window", 2)
    assert "2 texts in 4 windows" in str(score)


def test_a_window_as_long_as_every_text_is_the_document():
    texts = [["a", "b"], ["a", "b", "c"], ["a"], ["c"]]
    by_window = npmi_window([["a", "b", "c"]], texts, window=3, top=3)
    assert by_window.value == npmi([["a", "b", "c"]], BOW, VOCABULARY, top=3).value


def test_agrees_with_gensim_c_npmi():
    # texts without repeated words, whose counting differs, and pairs that all co-occur
    rng = np.random.default_rng(0)
    names = [f"w{i}" for i in range(12)]
    texts = [[str(w) for w in rng.permutation(names)] for _ in range(60)]
    topics = [names[:5], names[3:8], names[7:]]
    theirs = CoherenceModel(
        topics=topics,
        texts=texts,
        dictionary=Dictionary(texts),
        coherence="c_npmi",
        window_size=5,
        topn=5,
        processes=1,
    ).get_coherence_per_topic()
    ours = npmi_window(topics, texts, window=5, top=5)
    # they add 1e-12 to probabilities of 0.1 or so: relative 1e-11 in the logarithms
    assert ours.per_topic == pytest.approx([float(v) for v in theirs], abs=1e-9)
