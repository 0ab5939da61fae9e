"""Each document once per epoch, in an order that the seed repeats, in memory that does not grow with N."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topicforge.corpus import Counts
from topicforge.training import order
from topicforge.training.order import n_batches, shuffled
from topicforge.training.selection import BLOCK, Selection


def corpus(n, empty=()):
    """N documents of one word each, but for the empty ones."""
    lengths = np.ones(n, dtype=np.int64)
    lengths[list(empty)] = 0
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return Counts(
        indptr, np.zeros(indptr[-1], dtype=np.int32), np.ones(indptr[-1], dtype=np.float32), 3
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 3))
def test_every_document_comes_once_in_full_batches(n, size, seed):
    batches = list(shuffled(Selection(corpus(n)), size, (seed,)))
    assert sorted(np.concatenate(batches)) == list(range(n))
    assert len(batches) == n_batches(n, size)
    assert all(len(batch) == size for batch in batches[:-1])
    # a document left over alone joins the batch before it
    assert len(batches[-1]) <= size + 1
    assert len(batches[-1]) > 1 or n == 1


def test_windows_mix_blocks_and_lose_nothing(monkeypatch):
    monkeypatch.setattr(order, "WINDOW", 3)
    n = 8 * BLOCK + 5
    batches = list(shuffled(Selection(corpus(n)), 1000, (1,)))
    assert sorted(np.concatenate(batches)) == list(range(n))
    # a batch comes from three blocks, and the blocks are not neighbours
    assert len(np.unique(batches[0] // BLOCK)) == 3
    assert np.diff(np.unique(batches[0] // BLOCK)).max() > 1


def test_the_seed_repeats_an_order_and_names_it():
    chosen = Selection(corpus(100))
    first, again, other = (
        np.concatenate(list(shuffled(chosen, 7, seed))) for seed in ((3, 1), (3, 1), (3, 2))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    # uniform: of 100 places one expects 1 fixed point, 8 would be a chance of 1e-5
    assert (first == np.arange(100)).sum() < 8


def test_skipping_leaves_the_rest_as_it_was():
    chosen = Selection(corpus(1000))
    whole = list(shuffled(chosen, 30, (0,)))
    rest = list(shuffled(chosen, 30, (0,), skip=11))
    assert len(rest) == len(whole) - 11
    assert all(np.array_equal(a, b) for a, b in zip(rest, whole[11:], strict=True))


def test_empty_documents_are_left_out():
    chosen = Selection(corpus(10, empty=[0, 4, 9]))
    assert len(chosen) == 7
    assert np.concatenate(list(chosen)).tolist() == [1, 2, 3, 5, 6, 7, 8]


@pytest.mark.parametrize("n", [10, 2 * BLOCK + 7])
def test_held_out_and_training_documents_are_a_partition(n):
    counts = corpus(n, empty=[1])
    training, held = Selection(counts, 0.3, 5), Selection(counts, 0.3, 5, held_out=True)
    assert len(held) == pytest.approx(0.3 * (n - 1), abs=1.5)
    both = np.concatenate([*training, *held])
    assert sorted(both) == [i for i in range(n) if i != 1]
    other = Selection(counts, 0.3, 6, held_out=True)
    assert np.concatenate(list(other)).tolist() != np.concatenate(list(held)).tolist()


def test_a_sample_is_evenly_spaced_over_blocks():
    n = 3 * BLOCK + 11
    chosen = Selection(corpus(n, empty=[0])).sample(1000)
    assert len(chosen) <= 1000
    assert set(np.diff(chosen)) == {13}
    assert chosen[0] == 1
    assert np.array_equal(Selection(corpus(20)).sample(50), np.arange(20))


def test_batches_rise_and_cover():
    batches = list(Selection(corpus(BLOCK + 10)).batches(1000))
    assert max(map(len, batches)) == 1000
    assert np.array_equal(np.concatenate(batches), np.arange(BLOCK + 10))


def test_memory_is_a_window_and_not_the_corpus(monkeypatch):
    """With windows of two blocks, 64 blocks take no more memory than 16: 2 x 4,096 x 8 bytes and change."""
    monkeypatch.setattr(order, "WINDOW", 2)
    peaks = []
    for n in (16 * BLOCK, 64 * BLOCK):
        chosen = Selection(corpus(n))
        tracemalloc.start()
        for _ in shuffled(chosen, 500, (0,)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000
    assert peaks[1] < 10 * 2 * BLOCK * 8
