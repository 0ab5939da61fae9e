import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.feature_extraction.text import CountVectorizer

from topicforge.corpus import Counts, Pruning, prune
from topicforge.errors import InputError, OptionError

DENSE = np.array([[1, 5, 0, 1], [1, 0, 2, 0], [1, 0, 2, 0]])
WORDS = ("all", "one", "two", "uno")


def pruned(**options):
    counts, words = prune(Counts.from_matrix(DENSE), WORDS, Pruning(**options))
    np.testing.assert_array_equal(
        counts.to_scipy().toarray(), DENSE[:, [WORDS.index(w) for w in words]]
    )
    return words


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"max_df": 1.0}, WORDS),
        ({"min_df": 2}, ("all", "two")),
        ({"min_df": 0.5}, ("all", "two")),
        ({"max_df": 2}, ("one", "two", "uno")),
        ({"max_df": 0.5}, ("one", "uno")),
        ({"max_features": 2}, ("one", "two")),
        ({"max_features": 9}, WORDS),
        ({"stop_words": {"two", "three"}}, ("all", "one", "uno")),
        ({"min_df": 2, "max_df": 2, "max_features": 1}, ("two",)),
    ],
)
def test_by_hand(options, left):
    assert pruned(**options) == left


@given(
    arrays(np.int64, (6, 5), elements=st.integers(0, 2)),
    st.one_of(st.integers(1, 6), st.floats(0, 1)),
    st.one_of(st.integers(1, 6), st.floats(0, 1)),
)
def test_limits_are_scikit_learns(matrix, min_df, max_df):
    matrix[0] = 1  # every word occurs, as in a vectoriser's own matrix
    names = ["a", "b", "c", "d", "e"]
    texts = [
        " ".join(n for n, x in zip(names, row, strict=True) for _ in range(x)) for row in matrix
    ]
    theirs = CountVectorizer(token_pattern=r"\S+", min_df=min_df, max_df=max_df)
    try:
        theirs.fit(texts)
        expected = theirs.get_feature_names_out().tolist()
    except ValueError:
        expected = []
    try:
        _, words = prune(Counts.from_matrix(matrix), tuple(names), Pruning(min_df, max_df))
    except InputError:
        words = ()
    assert list(words) == expected


def test_documents_stay_even_when_empty():
    counts, _ = prune(Counts.from_matrix(DENSE), None, Pruning(max_df=1))
    np.testing.assert_array_equal(counts.to_scipy().toarray(), [[5, 1], [0, 0], [0, 0]])


def test_no_word_left():
    with pytest.raises(
        InputError, match=r"no word is left of 4: min_df=2 and max_df=1 of 3 documents"
    ):
        pruned(min_df=2, max_df=1)


@pytest.mark.parametrize(
    "options",
    [{"min_df": 0}, {"min_df": -1}, {"min_df": 1.5}, {"min_df": "a"}, {"max_df": True},
     {"max_df": float("nan")}, {"max_features": 0}, {"max_features": True}],
    ids=str,
)  # fmt: skip
def test_limits_outside_their_domain(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        pruned(**options)


def test_stop_words_need_words():
    with pytest.raises(OptionError, match="need the vocabulary"):
        prune(Counts.from_matrix(DENSE), None, Pruning(stop_words={"a"}))
