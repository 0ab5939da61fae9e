"""The sparse batch: rows, lengths and moving it."""

import numpy as np
import pytest
import torch

from topicforge.contracts import Batch

DENSE = [[0, 2, 1], [0, 0, 0], [5, 0, 0]]


def test_rows_lengths_and_sizes(batch_of):
    batch = batch_of(DENSE, 3)
    assert batch.n_documents == 3
    assert batch.row.tolist() == [0, 0, 2]
    assert batch.lengths().tolist() == [3.0, 0.0, 5.0]


@pytest.mark.parametrize("vocab_size", [7, 10_000])
def test_words_are_torchs_unique(batch_of, vocab_size):
    """By marks where the vocabulary is small, by sorting where it is large."""
    bow = np.zeros((3, vocab_size))
    bow[0, [1, 5]] = bow[1, [0, 5, 6]] = 2
    batch = batch_of(bow, vocab_size)
    words, place = batch.words()
    assert words.tolist() == [0, 1, 5, 6]
    assert place.tolist() == [1, 2, 0, 2, 3]


def test_no_documents(batch_of):
    batch = batch_of([], 3)
    assert batch.n_documents == 0
    assert batch.row.shape == batch.lengths().shape == (0,)


def test_to_moves_everything_and_casts_counts_and_features(batch_of):
    plain = batch_of(DENSE, 3)
    features = torch.ones(3, 4)
    batch = Batch(plain.crow, plain.col, plain.count, 3, features)
    moved = batch.to("meta", torch.float64)
    tensors = [moved.crow, moved.col, moved.count, moved.features]
    assert {t.device.type for t in tensors} == {"meta"}
    assert [t.dtype for t in tensors] == [torch.int64, torch.int64, torch.float64, torch.float64]
    assert moved.vocab_size == 3
    assert batch.to("cpu").count.dtype == torch.float32
