"""Toy sizes, documents and corpora that every check shares; the same numbers every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from topicforge.contracts import Batch, Context, StartData

VOCAB_SIZE = 30
N_TOPICS = 4
N_FEATURES = 8
N_DOCUMENTS = 48


def toy_counts(n_documents: int = N_DOCUMENTS, seed: int = 0) -> sp.csr_matrix:
    """Return (N, 30) float32 counts drawn from latent Dirichlet allocation with four topics.

    Args:
        n_documents: N.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(VOCAB_SIZE, 0.1), size=N_TOPICS)
    theta = rng.dirichlet(np.full(N_TOPICS, 0.2), size=n_documents)
    return sp.csr_matrix(rng.multinomial(25, theta @ topics), dtype=np.float32)


def toy_features(n_documents: int = N_DOCUMENTS, seed: int = 0) -> NDArray[np.float32]:
    """Return (N, 8) float32 standard normal numbers, one row per document."""
    rng = np.random.default_rng(seed + 1000)
    return rng.standard_normal((n_documents, N_FEATURES)).astype(np.float32)


def toy_context(
    n_topics: int = N_TOPICS,
    n_latent: int | None = None,
    *,
    n_features: int = N_FEATURES,
    opened: bool = False,
) -> Context:
    """Return the context that components are built from.

    Args:
        n_topics: K.
        n_latent: L; ``None`` for K.
        n_features: F; the toy batches carry 8.
        opened: as when a saved model is opened: no word frequency, no vocabulary, no documents.
    """
    n_latent = n_topics if n_latent is None else n_latent
    if opened:
        return Context(VOCAB_SIZE, n_topics, n_latent, n_features, mean_length=25.0)
    counts = toy_counts()
    share = np.asarray(counts.sum(0)).ravel() / counts.sum()
    return Context(
        VOCAB_SIZE,
        n_topics,
        n_latent,
        n_features,
        mean_length=25.0,
        word_frequency=torch.from_numpy(share.astype(np.float32)),
        vocabulary=tuple(f"word{v}" for v in range(VOCAB_SIZE)),
        start_data=StartData(toy_counts, toy_features if n_features else None),
    )


def batch_of(counts: Any, features: NDArray[np.float32] | None = None) -> Batch:
    """Return documents as a batch.

    Args:
        counts: (B, V) dense or scipy sparse.
        features: (B, F), or ``None``.
    """
    csr = sp.csr_matrix(counts, dtype=np.float32)
    return Batch(
        torch.from_numpy(csr.indptr).long(),
        torch.from_numpy(csr.indices).long(),
        torch.from_numpy(csr.data),
        int(csr.shape[1]),
        None if features is None else torch.from_numpy(features),
    )


def toy_batch(n_documents: int = 6, *, empty: tuple[int, ...] = ()) -> Batch:
    """Return B toy documents with their features.

    Args:
        n_documents: B; 0 and 1 are batches too.
        empty: which documents lose all their words.
    """
    counts = toy_counts()[:n_documents].toarray()
    counts[list(empty)] = 0
    return batch_of(counts, toy_features()[:n_documents])


def toy_z(n: int = 6, width: int = N_TOPICS, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return (n, width) standard normal points of the latent space."""
    generator = torch.Generator().manual_seed(7)
    return torch.randn(n, width, generator=generator, dtype=torch.float64).to(dtype)


def toy_theta(n: int = 6, n_topics: int = N_TOPICS, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return (n, K) points inside the simplex."""
    return torch.softmax(toy_z(n, n_topics, torch.float64), -1).to(dtype)
