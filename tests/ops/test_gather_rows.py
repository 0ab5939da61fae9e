"""Documents of a corpus as a batch: the same as scipy's row indexing, and damage is named."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from op_checks import ready

from topicforge.errors import InputError
from topicforge.ops import gather_rows

IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready("gather_rows")[:1]]]


def corpus(n=40, v=17, whole=True, seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.poisson(0.3, (n, v))
    csr = sp.csr_array(dense)
    counts = csr.data.astype(np.int32 if whole else np.float32)
    return csr, [
        torch.from_numpy(csr.indptr.astype(np.int64)),
        torch.from_numpy(csr.indices.astype(np.int32)),
        torch.from_numpy(counts),
    ]


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl):
    indptr = torch.tensor([0, 2, 2, 3])
    indices = torch.tensor([1, 4, 0], dtype=torch.int32)
    counts = torch.tensor([5, 1, 7], dtype=torch.int32)
    crow, col, count = gather_rows(indptr, indices, counts, torch.tensor([2, 1, 0, 2]), 5, impl)
    assert crow.tolist() == [0, 1, 1, 3, 4]
    assert col.tolist() == [0, 1, 4, 0]
    assert count.tolist() == [7.0, 5.0, 1.0, 7.0]
    assert (crow.dtype, col.dtype, count.dtype) == (torch.int64, torch.int64, torch.float32)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("whole", [True, False])
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.integers(0, 39), max_size=700))
def test_equals_scipys_rows(impl, whole, rows):
    csr, arrays = corpus(whole=whole)
    crow, col, count = gather_rows(*arrays, torch.tensor(rows, dtype=torch.int64), 17, impl)
    wanted = csr[np.array(rows, dtype=int)] if rows else sp.csr_array((0, 17))
    assert crow.tolist() == wanted.indptr.tolist()
    assert col.tolist() == wanted.indices.tolist()
    assert count.tolist() == wanted.data.tolist()


@pytest.mark.parametrize("impl", IMPLS)
def test_the_corpus_may_be_a_mapped_file(impl, tmp_path):
    csr, arrays = corpus()
    mapped = []
    for i, array in enumerate(arrays):
        np.save(tmp_path / f"{i}.npy", array.numpy())
        mapped.append(torch.from_numpy(np.load(tmp_path / f"{i}.npy", mmap_mode="c")))
    _, _, count = gather_rows(*mapped, torch.arange(40), 17, impl)
    assert count.tolist() == csr.data.tolist()


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda a: a[0].__setitem__(3, 10**9), "document 2 must lie within"),
        (lambda a: a[0].__setitem__(3, -4), "document 2 must lie within"),
        (lambda a: a[1].__setitem__(0, 17), r"words must be in \[0, 17\), but document 0 has"),
        (lambda a: a[1].__setitem__(0, -1), r"words must be in \[0, 17\), but document 0 has"),
    ],
)
def test_damage_is_named_and_nothing_foreign_is_read(impl, damage, says):
    _, arrays = corpus()
    damage(arrays)
    with pytest.raises(InputError, match=says):
        gather_rows(*arrays, torch.arange(40), 17, impl)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("row", [-1, 40])
def test_a_document_outside_is_named(impl, row):
    _, arrays = corpus()
    with pytest.raises(InputError, match=rf"documents must be in \[0, 40\), but one is {row}"):
        gather_rows(*arrays, torch.tensor([0, row]), 17, impl)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize(
    ("at", "to", "says"),
    [(0, torch.int32, "indptr"), (1, torch.int64, "indices"), (2, torch.float64, "counts")],
)
def test_kinds_are_checked(impl, at, to, says):
    _, arrays = corpus()
    arrays[at] = arrays[at].to(to)
    with pytest.raises(InputError, match=says):
        gather_rows(*arrays, torch.arange(3), 17, impl)


def test_results_do_not_depend_on_threads():
    _, arrays = corpus(n=3000)
    rows = torch.randint(0, 3000, (5000,), generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(gather_rows(*arrays, rows, 17))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
