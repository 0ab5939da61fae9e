import gc
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

# tests that run side by side (pytest -n) have a processor each, and so do the processes they start:
# waiting for one another's threads takes longer than the tests
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge.contracts import Batch

_ROOT = Path(__file__).resolve().parents[1]

# these tests know the built-in parts by name and number: whatever else is installed stays out, unless
# the variable says otherwise (a test that brings a plugin of its own sets it for its processes)
os.environ.setdefault("TOPICFORGE_PLUGINS_ALLOW", "")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Folder of real corpora: TOPICFORGE_CORPORA, or ../shared/corpora beside the checkout."""
    folder = Path(os.environ.get("TOPICFORGE_CORPORA", _ROOT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"real corpora not found at {folder}; set TOPICFORGE_CORPORA to their folder")
    return folder


@pytest.fixture(scope="session")
def reuters() -> tuple[sp.csr_matrix, tuple[str, ...]]:
    """A small real corpus: 395 Reuters stories over 4,258 words, from the PyPI package lda."""
    datasets = pytest.importorskip("lda.datasets", reason="needs the PyPI package lda")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the package leaves its files open
        counts = sp.csr_matrix(datasets.load_reuters(), dtype=np.float32)
        words = tuple(datasets.load_reuters_vocab())
        gc.collect()
    return counts, words


def _lda_corpus(
    n_documents: int, vocab_size: int, n_topics: int, length: int, seed: int
) -> tuple[sp.csr_matrix, np.ndarray]:
    """Counts drawn from latent Dirichlet allocation, and the planted topics (K, V)."""
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(vocab_size, 0.1), size=n_topics)
    theta = rng.dirichlet(np.full(n_topics, 0.1), size=n_documents)
    return sp.csr_matrix(rng.multinomial(length, theta @ topics), dtype=np.float32), topics


@pytest.fixture(scope="session")
def lda_corpus() -> Callable[..., tuple[sp.csr_matrix, np.ndarray]]:
    """The generator itself: (n_documents, vocab_size, n_topics, length, seed) -> counts, topics."""
    return _lda_corpus


@pytest.fixture(scope="session")
def planted() -> tuple[sp.csr_matrix, np.ndarray]:
    """300 documents of 40 words over 30 words, 3 planted topics."""
    return _lda_corpus(300, 30, 3, 40, seed=0)


@pytest.fixture(scope="session")
def batch_of() -> Callable[..., Batch]:
    """Dense counts (B, V) as nested lists -> the same documents as a sparse batch."""

    def build(dense: Sequence[Sequence[float]], vocab_size: int, dtype: str = "float32") -> Batch:
        counts = sp.csr_matrix(np.reshape(dense, (-1, vocab_size)), dtype=dtype)
        return Batch(
            torch.from_numpy(counts.indptr).long(),
            torch.from_numpy(counts.indices).long(),
            torch.from_numpy(counts.data),
            vocab_size,
        )

    return build
