"""Shards read like the one corpus they were cut from."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from topicforge.corpus import Corpus, Counts, ShardedCounts
from topicforge.errors import CorpusError, InputError

WORDS = tuple(f"word{i}" for i in range(11))


def matrix(n=30, v=11, seed=0):
    rng = np.random.default_rng(seed)
    return sp.random_array(
        (n, v),
        density=0.3,
        format="csr",
        rng=rng,
        data_sampler=lambda size: rng.integers(1, 9, size),
    )


def cut(whole, at):
    edges = [0, *at, whole.n_documents]
    return ShardedCounts([whole.select(slice(a, b)) for a, b in pairwise(edges)])


@pytest.fixture
def whole():
    return Counts.from_matrix(matrix())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 29), max_size=40), st.lists(st.integers(0, 30), max_size=4))
def test_rows_are_those_of_the_whole_in_the_order_asked_for(chosen, at):
    whole = Counts.from_matrix(matrix())
    for a, b in zip(cut(whole, sorted(at)).rows(chosen), whole.rows(chosen), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_sums_lengths_and_the_matrix_are_those_of_the_whole(whole):
    sharded = cut(whole, [7, 7, 20])
    assert (sharded.shape, sharded.n_entries) == (whole.shape, whole.n_entries)
    for name in ("word_totals", "document_frequencies", "document_totals", "lengths"):
        np.testing.assert_array_equal(getattr(sharded, name)(), getattr(whole, name)())
    np.testing.assert_array_equal(sharded.lengths(5, 22), whole.lengths(5, 22))
    np.testing.assert_array_equal(sharded.lengths(29, 99), whole.lengths(29, 99))
    assert (sharded.to_scipy() != whole.to_scipy()).nnz == 0
    assert list(sharded.chunks(17)) == list(whole.chunks(17))
    mask = np.arange(30) % 3 == 0
    assert (sharded.select(mask).to_scipy() != whole.select(mask).to_scipy()).nnz == 0


@pytest.mark.parametrize("index", [[30], [-1], np.zeros(4, bool), [[1]]])
def test_a_wrong_index_is_refused_as_in_one_piece(whole, index):
    with pytest.raises(InputError, match="Counts"):
        cut(whole, [7]).rows(index)


def test_shards_must_fit_together(whole):
    with pytest.raises(InputError, match="at least one shard"):
        ShardedCounts([])
    with pytest.raises(InputError, match="shard 1 has 12 words"):
        ShardedCounts([whole, Counts.from_matrix(matrix(v=12))])


def test_a_folder_of_shards_opens_as_it_was_saved(whole, tmp_path):
    labels = tuple(str(i % 3) for i in range(30))
    path = Corpus(cut(whole, [7, 7, 20]), WORDS, labels, "cut").save(tmp_path / "corpus")
    described = json.loads((path / "corpus.json").read_text())
    assert described["format"] == 2
    assert [shard["documents"] for shard in described["shards"]] == [7, 0, 13, 10]
    opened = Corpus.open(path, verify=True)
    assert isinstance(opened.counts, ShardedCounts)
    assert (opened.vocabulary, opened.labels, opened.n_empty) == (
        WORDS, labels, Corpus(whole).n_empty,
    )  # fmt: skip
    assert (opened.counts.to_scipy() != whole.to_scipy()).nnz == 0
    again = Corpus.open(opened.save(tmp_path / "again"))
    assert (again.counts.to_scipy() != whole.to_scipy()).nnz == 0


def test_a_missing_or_changed_shard_is_refused(whole, tmp_path):
    path = Corpus(cut(whole, [7])).save(tmp_path / "corpus")
    shard = path / "shards" / "00001-indices.npy"
    content = shard.read_bytes()
    shard.write_bytes(content[:-4])
    with pytest.raises(CorpusError, match=r"00001-indices\.npy: must have .* bytes"):
        Corpus.open(path)
    shard.unlink()
    with pytest.raises(CorpusError, match=r"00001-indices\.npy: can't be read: No such file"):
        Corpus.open(path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_released_pages_leave_the_process(tmp_path):
    """64 MiB of entries are summed twice; afterwards fewer than 40 MiB of files are mapped in."""
    n = 1 << 20
    counts = Counts(
        np.arange(0, 8 * n + 1, 8), np.tile(np.arange(8, dtype=np.int32), n),
        np.ones(8 * n, dtype=np.float32), 8,
    )  # fmt: skip
    Corpus(counts).save(tmp_path / "corpus")
    code = (
        "import sys; from topicforge.corpus import Corpus\n"
        "counts = Corpus.open(sys.argv[1]).counts\n"
        "def mapped():\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('RssFile'))\n"
        "before = mapped(); counts.indices.max(); counts.counts.max(); between = mapped()\n"
        "counts.release(); print(between - before, mapped() - before)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "corpus")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    grown, left = map(int, ran.stdout.split())
    assert grown > 50_000
    assert left < 5_000
