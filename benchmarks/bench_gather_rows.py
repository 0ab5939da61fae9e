"""A batch out of a corpus: the kernel against numpy's index arrays and scipy's row indexing.

N = 100,000 documents of 20 to 160 distinct words, in random order. The floor is the memory that
moves: 8 bytes an entry read, 12 written, at the rate of a copy.
"""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from topicforge import ops
from topicforge.corpus import Counts

N, V = 100_000, 50_000
#: how many times slower than the kernel each must at least be; scipy copies in C++ too, without the
#: checks and without the wider types of a batch
CONTENDERS = {"native": None, "numpy": 2.0, "scipy": None}


@pytest.fixture(scope="module")
def counts() -> Counts:
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 161, N)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    words = rng.integers(0, V, indptr[-1]).astype(np.int32)
    return Counts(indptr, words, np.ones(indptr[-1], dtype=np.float32), V)


def gatherer(name: str, counts: Counts) -> Callable[[np.ndarray], object]:
    if name == "numpy":
        return counts.rows
    if name == "scipy":
        matrix = sp.csr_array((counts.counts, counts.indices, counts.indptr), shape=counts.shape)
        return lambda rows: matrix[rows]
    arrays = [torch.from_numpy(a) for a in (counts.indptr, counts.indices, counts.counts)]
    return lambda rows: ops.gather_rows(*arrays, torch.from_numpy(rows), V, "native")


@pytest.mark.parametrize("batch", [200, 4096])
@pytest.mark.parametrize("name", CONTENDERS)
def bench_gather_rows(benchmark: BenchmarkFixture, counts: Counts, name: str, batch: int) -> None:
    rows = np.random.default_rng(1).integers(0, N, batch)
    for got, wanted in zip(gatherer("native", counts)(rows), counts.rows(rows), strict=True):
        np.testing.assert_array_equal(got.numpy(), wanted)
    benchmark.group = f"gather_rows, {batch} documents"
    benchmark.extra_info["asked"] = CONTENDERS[name]
    benchmark(gatherer(name, counts), rows)
