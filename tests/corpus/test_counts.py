import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from topicforge.corpus import Counts
from topicforge.corpus import counts as counts_module
from topicforge.errors import CorpusError, InputError

DENSE = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [3, 0, 0, 0]])


def test_from_dense_by_hand():
    counts = Counts.from_matrix(DENSE)
    assert counts.indptr.tolist() == [0, 2, 2, 3]
    assert counts.indices.tolist() == [1, 3, 0]
    assert counts.counts.tolist() == [2, 1, 3]
    assert counts.shape == (3, 4)
    assert counts.n_entries == 3
    assert [a.dtype.name for a in (counts.indptr, counts.indices, counts.counts)] == [
        "int64", "int32", "int32",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array])
def test_every_sparse_format(kind, make):
    matrix = make(DENSE).asformat(kind)
    np.testing.assert_array_equal(Counts.from_matrix(matrix).to_scipy().toarray(), DENSE)


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int64, np.float16, np.float64, ">i4", ">f8", object]
)
def test_every_kind_of_number(dtype):
    counts = Counts.from_matrix((DENSE > 0).astype(dtype))
    np.testing.assert_array_equal(counts.to_scipy().toarray(), DENSE > 0)
    whole = np.dtype(dtype).kind in "biu"
    assert counts.counts.dtype == (np.int32 if whole else np.float32)


def test_lists_are_matrices():
    assert Counts.from_matrix([[1, 0], [0, 2]]).counts.tolist() == [1, 2]


def test_fractional_counts_are_kept():
    assert Counts.from_matrix(np.array([[0.5, 0.0, 1.25]])).counts.tolist() == [0.5, 1.25]


def test_duplicates_are_summed_zeros_dropped_and_the_caller_is_left_alone():
    data, words = np.array([1, 0, 2, 4, 8]), np.array([3, 1, 3, 0, 2])
    matrix = sp.csr_array((data, words, np.array([0, 3, 3, 5])), shape=(3, 4))
    before = [a.copy() for a in (matrix.data, matrix.indices, matrix.indptr)]
    counts = Counts.from_matrix(matrix)
    np.testing.assert_array_equal(
        counts.to_scipy().toarray(), [[0, 0, 0, 3], [0, 0, 0, 0], [4, 0, 8, 0]]
    )
    counts.check()
    assert (counts.counts > 0).all()
    for old, new in zip(before, (matrix.data, matrix.indices, matrix.indptr), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_sum_beyond_int32_does_not_wrap_around():
    many = np.array([2**31 - 1, 1], dtype=np.int32)
    matrix = sp.csr_array((many, np.array([0, 0]), np.array([0, 2])), shape=(1, 1))
    with pytest.raises(InputError, match="at most"):
        Counts.from_matrix(matrix)


def test_canonical_arrays_are_shared_rather_than_copied():
    matrix = sp.csr_array(DENSE.astype(np.float32))
    counts = Counts.from_matrix(matrix)
    assert np.shares_memory(counts.counts, matrix.data)
    assert np.shares_memory(counts.indices, matrix.indices)


def test_a_stale_flag_of_scipy_is_not_believed():
    matrix = sp.csr_array(DENSE)
    assert matrix.has_canonical_format
    matrix.indices[:2] = [3, 1]
    assert Counts.from_matrix(matrix).to_scipy().toarray()[0].tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (np.array([[1.0, np.nan]]), "NaN"),
        (np.array([[1.0, np.inf]]), "infinity"),
        (np.array([[1, -2]]), "Negative values in data: -2"),
        (np.array([[1e300]]), "at most"),
        (np.array([[2**40]]), "at most"),
        (np.array([[1j]]), "Complex data not supported"),
        (np.array([["a"]]), "numbers"),
        (np.array([["a", None]], dtype=object), "numbers"),
        ([[1, 2], [3]], "matrix"),
        (np.ones(3), "Expected 2D array"),
        (np.ones((2, 2, 2)), "2-d"),
        (np.ones((0, 3)), r"0 sample\(s\)"),
        (np.ones((3, 0)), r"0 feature\(s\)"),
        (None, "2-d"),
    ],
)
def test_what_is_no_matrix_of_counts(matrix, says):
    with pytest.raises(InputError, match=says) as caught:
        Counts.from_matrix(matrix, "TopicModel.fit")
    assert str(caught.value).startswith("TopicModel.fit: ")


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (sp.csr_array([[1.0, np.nan]]), "NaN"),
        (sp.coo_array([[1.0, -np.inf]]), "infinity"),
        (sp.csc_array([[1, -2]]), "Negative values in data: -2"),
        (sp.csr_array([[1e300]]), "at most"),
        (sp.csr_array([[1j]]), "Complex data not supported"),
        (sp.coo_array([1, 2]), "2 dimensions"),
        (sp.csr_array((0, 3)), r"0 sample\(s\)"),
        (sp.csr_array((3, 0)), r"0 feature\(s\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.shape),
)
def test_what_is_no_sparse_matrix_of_counts(matrix, says):
    with pytest.raises(InputError, match=says) as caught:
        Counts.from_matrix(matrix, "TopicModel.fit")
    assert str(caught.value).startswith("TopicModel.fit: ")


@pytest.mark.parametrize(
    ("name", "value"), [("indices", 99), ("indices", -1), ("indptr", 99), ("indptr", -5)]
)
@pytest.mark.parametrize("make", [sp.csr_array, sp.csc_array])
def test_damaged_index_arrays_are_refused_before_anything_follows_them(make, name, value):
    matrix = make(DENSE)
    getattr(matrix, name)[1] = value
    with pytest.raises(InputError, match="consistent"):
        Counts.from_matrix(matrix)


MATRICES = arrays(
    np.int64, st.tuples(st.integers(1, 7), st.integers(1, 6)), elements=st.integers(0, 3)
)


@given(MATRICES, st.data())
def test_rows_are_scipys(matrix, data):
    counts = Counts.from_matrix(matrix)
    numbers = st.integers(0, len(matrix) - 1)
    index = np.array(data.draw(st.lists(numbers, max_size=9)), dtype=np.int64)
    crow, col, count = counts.rows(index)
    assert (crow.dtype, col.dtype, count.dtype) == (np.int64, np.int64, np.float32)
    assert len(crow) == len(index) + 1
    got = sp.csr_array((count, col, crow), shape=(len(index), matrix.shape[1])).toarray()
    np.testing.assert_array_equal(got, matrix[index])
    np.testing.assert_array_equal(counts.select(index).to_scipy().toarray(), matrix[index])


@given(MATRICES, st.integers(-9, 9), st.integers(-9, 9))
def test_slices_and_masks_are_numpys(matrix, start, stop):
    counts = Counts.from_matrix(matrix)
    mask = np.zeros(len(matrix), dtype=bool)
    mask[start:stop] = True
    for index in (slice(start, stop), mask, slice(None, None, -1)):
        crow, col, count = counts.rows(index)
        got = sp.csr_array((count, col, crow), shape=(len(crow) - 1, matrix.shape[1])).toarray()
        np.testing.assert_array_equal(got, matrix[index])


@given(MATRICES, st.integers(1, 5))
def test_sums_and_chunks(matrix, chunk):
    counts = Counts.from_matrix(matrix)
    before = counts_module.CHUNK
    counts_module.CHUNK = chunk  # several chunks even here
    try:
        np.testing.assert_array_equal(counts.word_totals(), matrix.sum(axis=0))
        np.testing.assert_array_equal(counts.document_frequencies(), (matrix > 0).sum(axis=0))
        np.testing.assert_array_equal(counts.document_totals(), matrix.sum(axis=1))
        np.testing.assert_array_equal(Counts.from_matrix(matrix).to_scipy().toarray(), matrix)
        counts.check()
    finally:
        counts_module.CHUNK = before
    edges = list(counts.chunks(chunk))
    assert [a for a, _ in edges] == [0, *(b for _, b in edges[:-1])]
    assert edges[-1][1] == len(matrix)
    for a, b in edges:
        assert b == a + 1 or counts.indptr[b] - counts.indptr[a] <= chunk


def test_rows_are_the_readers_own():
    counts = Counts.from_matrix(DENSE.astype(np.float32))
    for index in ([0, 2], slice(0, 3)):
        for array in counts.rows(index):
            assert array.flags.writeable
            array[:] = 0
    np.testing.assert_array_equal(counts.to_scipy().toarray(), DENSE)


@pytest.mark.parametrize("index", [[3], [-1], [[0]], [0.5], [True, False], ["a"]], ids=str)
def test_documents_that_are_not_there(index):
    with pytest.raises(InputError, match="Counts"):
        Counts.from_matrix(DENSE).rows(index)


def test_no_documents_at_all_are_a_selection_too():
    crow, col, count = Counts.from_matrix(DENSE).rows([])
    assert (crow.tolist(), col.tolist(), count.tolist()) == ([0], [], [])


GOOD = {
    "indptr": np.array([0, 2, 3]),
    "indices": np.array([0, 1, 1], dtype=np.int32),
    "counts": np.ones(3, dtype=np.float32),
    "vocab_size": 2,
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"indptr": np.array([0, 2, 4])},
        {"indptr": np.array([1, 2, 3])},
        {"indptr": np.array([], dtype=np.int64)},
        {"indptr": np.array([0, 2, 3], dtype=np.int32)},
        {"indices": np.array([0, 1, 1])},
        {"indices": np.array([0, 1], dtype=np.int32)},
        {"counts": np.ones(3)},
        {"counts": [1, 2, 3]},
        {"vocab_size": 0},
    ],
    ids=str,
)
def test_arrays_of_the_wrong_form(wrong):
    Counts(**GOOD)
    with pytest.raises(InputError, match="Counts"):
        Counts(**{**GOOD, **wrong})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"indptr": np.array([0, 4, 3])}, "never fall"),
        ({"indices": np.array([1, 0, 1], dtype=np.int32)}, "rising"),
        ({"indices": np.array([1, 1, 1], dtype=np.int32)}, "rising"),
        ({"indices": np.array([0, 2, 1], dtype=np.int32)}, "words of"),
        ({"indices": np.array([-1, 0, 1], dtype=np.int32)}, "words of"),
        ({"counts": np.array([1, 0, 1], dtype=np.int32)}, "above zero"),
        ({"counts": np.array([1, np.nan, 1], dtype=np.float32)}, "finite"),
    ],
)
def test_check_finds_damaged_entries(wrong, says):
    Counts(**GOOD).check()
    with pytest.raises(CorpusError, match=says):
        Counts(**{**GOOD, **wrong}).check()


@pytest.mark.parametrize("index", [[1], [0, 1], [1, 0]], ids=str)
@pytest.mark.parametrize("end", [10**9, -4])
def test_a_document_outside_the_entries_is_named_and_nothing_foreign_is_read(end, index):
    damaged = Counts(**{**GOOD, "indptr": np.array([0, end, 3])})
    with pytest.raises(CorpusError, match=r"document [01] must lie within the 3 entries.*damaged"):
        damaged.rows(index)


def test_words_beyond_the_vocabulary_never_reach_a_batch():
    damaged = Counts(**{**GOOD, "indices": np.array([0, 7, 1], dtype=np.int32)})
    with pytest.raises(CorpusError, match="damaged"):
        damaged.rows([0])
