import math

import numpy as np
import pytest
from gensim.corpora import Dictionary
from gensim.models.coherencemodel import CoherenceModel

from topicforge.errors import InputError, OptionError
from topicforge.evaluation import u_mass

VOCABULARY = ["a", "b", "c", "d"]
# documents: {a, b}, {a, b, c}, {a}, {c}; D(a) = 3, D(b) = D(c) = 2, ab 2, ac 1, bc 1
BOW = np.array([[2, 1, 0, 0], [1, 3, 1, 0], [5, 0, 0, 0], [0, 0, 1, 0]])
# ln((D(lower, higher) + 1) / D(higher)) of the pairs of a, b, c in that order
ABC = [math.log(3 / 3), math.log(2 / 3), math.log(2 / 2)]
CBA = [math.log(2 / 2), math.log(2 / 2), math.log(3 / 2)]


def test_hand_worked_values_depend_on_the_order_of_words():
    score = u_mass([["a", "b", "c"], ["c", "b", "a"]], BOW, VOCABULARY, top=3)
    assert score.per_topic == pytest.approx([sum(ABC) / 3, sum(CBA) / 3], abs=1e-12)
    assert score.value == pytest.approx((sum(ABC) + sum(CBA)) / 6, abs=1e-12)


def test_the_sum_of_mimno():
    score = u_mass([["a", "b", "c"]], BOW, VOCABULARY, top=3, aggregate="sum")
    assert score.value == pytest.approx(sum(ABC), abs=1e-12)
    assert score.rule.startswith("sum over pairs")


def test_pairs_conditioned_on_an_unseen_word_count_the_floor():
    # d comes first: (d, a) has no D(d); then (d given a) is the formula's ln(1 / 3)
    score = u_mass([["d", "a"], ["a", "d"]], BOW, VOCABULARY, top=2)
    assert score.per_topic == pytest.approx([math.log(1 / 4), math.log(1 / 3)], abs=1e-12)
    assert "lacks 1 of 2 words (d)" in score.rule
    with pytest.raises(InputError, match="1 of 2 do not: d"):
        u_mass([["d", "a"]], BOW, VOCABULARY, top=2, unseen="error")


def test_agrees_with_gensim():
    rng = np.random.default_rng(1)
    bow = rng.poisson(0.4, (80, 10))
    vocabulary = [f"w{i}" for i in range(10)]
    texts = [[w for w, x in zip(vocabulary, row, strict=True) for _ in range(x)] for row in bow]
    topics = [vocabulary[:5], vocabulary[5:], vocabulary[8:3:-1]]
    dictionary = Dictionary(texts)
    theirs = CoherenceModel(
        topics=topics,
        corpus=[dictionary.doc2bow(text) for text in texts],
        dictionary=dictionary,
        coherence="u_mass",
        topn=5,
    ).get_coherence_per_topic()
    # they add 1e-12 to the probability: 1e-12 N documents to the count
    ours = u_mass(topics, bow, vocabulary, top=5, smoothing=80e-12)
    assert ours.per_topic == pytest.approx([float(v) for v in theirs], rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoothing": 0}, "above 0"),
        ({"smoothing": math.inf}, "above 0"),
        ({"smoothing": math.nan}, "above 0"),
        ({"aggregate": "median"}, "mean or sum"),
        ({"unseen": "never"}, "floor, error"),
    ],
)
def test_options_outside_their_domain(options, message):
    with pytest.raises(OptionError, match=message):
        u_mass([["a", "b"]], BOW, VOCABULARY, top=2, **options)
