import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from topicforge.errors import InputError
from topicforge.evaluation import cooccurrence, document_cooccurrence

VOCABULARY = ["a", "b", "c", "d"]
# documents: {a, b}, {a, b, c}, {a}, {c}, {}
BOW = np.array([[2, 1, 0, 0], [1, 3, 1, 0], [5, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])


def test_hand_worked_counts():
    counts = document_cooccurrence(["c", "a", "b"], sp.csr_array(BOW), VOCABULARY)
    assert counts.total == 5
    assert counts.joint.toarray().tolist() == [[2, 1, 1], [1, 3, 2], [1, 2, 2]]
    assert counts.among(["a", "b"]).tolist() == [[3, 2], [2, 2]]


def test_words_the_reference_lacks_have_no_occurrence():
    counts = document_cooccurrence(["a", "d", "elsewhere"], BOW, VOCABULARY)
    assert counts.unseen() == ("d", "elsewhere")
    assert counts.among(["a", "elsewhere"]).tolist() == [[3, 0], [0, 0]]


def test_a_word_not_counted_is_an_error_not_a_zero():
    counts = document_cooccurrence(["a"], BOW, VOCABULARY)
    with pytest.raises(InputError, match="'b' must be among the 1 words counted"):
        counts.among(["a", "b"])


def test_stored_zeros_and_split_entries_do_not_change_the_counts():
    # document 0 stores a twice (1 + 1) and a zero for c; columns out of order
    messy = sp.csr_array(
        (np.array([1, 0, 1, 1]), np.array([0, 2, 0, 1]), np.array([0, 4, 4])), shape=(2, 4)
    )
    counts = document_cooccurrence(["a", "b", "c"], messy, VOCABULARY)
    assert counts.joint.toarray().tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert messy.nnz == 4, "the caller's matrix is left as it was"


@given(arrays(np.int64, (9, 4), elements=st.integers(0, 2)).filter(np.any))
def test_equals_the_dense_product_also_when_cut_into_chunks(bow):
    present = (bow > 0).astype(int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "_ROWS", 2)
        counts = document_cooccurrence(VOCABULARY, sp.csr_matrix(bow), VOCABULARY)
    np.testing.assert_array_equal(counts.joint.toarray(), present.T @ present)


@pytest.mark.parametrize(
    ("bow", "message"),
    [
        (np.zeros((0, 4)), "at least one document"),
        (np.zeros((3, 4)), "at least one document"),
        (np.array([[1.0, np.nan, 0, 0]]), "finite counts"),
        (np.array([[1.0, np.inf, 0, 0]]), "finite counts"),
        (np.array([[1, -2, 0, 0]]), "finite counts of zero or more, got -2"),
        (np.array([1, 2, 0, 0]), "1 dimension"),
        ([[1, 2], [3]], r"\(documents, words\) matrix"),
        (np.array([["x", "y", "z", "w"]]), "must hold counts"),
    ],
)
def test_unusable_counts(bow, message):
    with pytest.raises(InputError, match=message):
        document_cooccurrence(["a"], bow, VOCABULARY)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (["a", "b"], "4 columns, 2 words"),
        (["a", "b", "a", "d"], "'a' comes twice"),
        ("abcd", "got a str"),
        ({"a": 0, "b": 1, "c": 2, "d": 3}, "got a dict"),
    ],
)
def test_unusable_vocabulary(vocabulary, message):
    with pytest.raises(InputError, match=message):
        document_cooccurrence(["a"], BOW, vocabulary)
