"""A start from data: word vectors of the corpus itself, and clusters of its documents."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from topicforge.contracts.context import Context
from topicforge.distributed import generator
from topicforge.errors import TrainingError

#: words that serve as contexts of all others: the most frequent ones; bounds time and memory
_MAX_CONTEXTS = 5000
#: rows of positive PMI that are worked on at a time
_ROWS = 64
#: of the word vectors, where nobody asks for another
WIDTH = 100


@dataclass(frozen=True)
class Clusters:
    """Documents in K clusters.

    Args:
        vectors: (V, d) word vectors, columns orthogonal with mean square 1.
        idf: (V,) log(N / n_v).
        centres: (K, d) unit vectors, the clusters' centres.
        labels: (N,) cluster of each training document.
        word_counts: (K, V) words of each cluster's documents, summed.
    """

    vectors: NDArray[np.float32]
    idf: NDArray[np.float32]
    centres: NDArray[np.float32]
    labels: NDArray[np.int64]
    word_counts: NDArray[np.float64]


def bounded_width(vocab_size: int, width: int = WIDTH) -> int:
    """min(width, V / 25), at least 2: a small vocabulary must not be memorised."""
    return min(width, max(2, vocab_size // 25))


def clusters(context: Context, width: int | None = None) -> Clusters:
    """Cluster the training documents of a context; made once, however many parts ask.

        M_vw = max(0, log(N n_vw / (n_v n_w))), 0 on the diagonal: positive PMI of words that share
        documents (Levy and Goldberg 2014); vectors = sqrt(V) U of its first d singular triples,
        without the singular values, which would let few directions decide every distance;
        f_d = normalised sum_v log(1 + x_dv) idf_v vectors_v; k-means on f.

    Args:
        context: with training documents.
        width: d; ``None`` for the clusters that another part made already, or else of the usual width:
            parts that share clusters number their topics alike.

    Raises:
        TrainingError: the context has no documents.
    """
    made = context.shared.get("clusters")
    if made is None or width not in (None, made.vectors.shape[1]):
        counts = _documents(context, "a start from clusters needs")
        seed = _seed()
        width = bounded_width(context.vocab_size) if width is None else width
        made = _cluster(counts, width, context.n_topics, seed)
        context.shared["clusters"] = made
    return made


def corpus_vectors(context: Context, width: int) -> NDArray[np.float32]:
    """Return (V, d) vectors of the training documents' words, columns with mean square 1.

    Those of :func:`clusters`, by themselves. A word that shares documents with no other gets zeros, and
    so do the columns beyond V - 1.

    Args:
        context: with training documents.
        width: d.

    Raises:
        TrainingError: the context has no documents.

    Source: Levy and Goldberg 2014, Neural Word Embedding as Implicit Matrix Factorization.
    """
    present = _present(_documents(context, "word vectors of the corpus need"))
    frequency = np.asarray(present.sum(0), dtype=np.float64).ravel()
    matrix = _positive_pmi(present, frequency)
    vectors = _basis(matrix, width, _seed())
    # of a matrix without rank a singular basis is arbitrary
    vectors[np.diff(matrix.indptr) == 0] = 0
    return vectors


def _seed() -> int:
    return int(torch.randint(2**31 - 1, (), generator=generator(torch.device("cpu"))))


def _documents(context: Context, what: str) -> Any:
    if "documents" not in context.shared:
        raise TrainingError(
            f"{what} training documents, but the context has none; choose a random start, or train "
            "with TopicModel.fit"
        )
    return context.shared["documents"]()


def _present(counts: Any) -> Any:
    """Where words are: ones at the entries."""
    return sp.csr_array(
        (np.ones(counts.nnz, dtype=np.float32), counts.indices, counts.indptr), shape=counts.shape
    )


def _cluster(counts: Any, width: int, n_topics: int, seed: int) -> Clusters:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import normalize

    n_documents = counts.shape[0]
    present = _present(counts)
    frequency = np.asarray(present.sum(0), dtype=np.float64).ravel()
    vectors = _basis(_positive_pmi(present, frequency), width, seed)
    idf = np.log(n_documents / np.maximum(frequency, 1)).astype(np.float32)
    weighted = sp.csr_array(
        (np.log1p(counts.data) * idf[counts.indices], counts.indices, counts.indptr),
        shape=counts.shape,
    )
    features = normalize(weighted @ vectors)
    n_clusters = min(n_topics, len(np.unique(features, axis=0)))
    with warnings.catch_warnings():
        # documents that are the same but for rounding: some centres coincide, which does no harm
        warnings.simplefilter("ignore", ConvergenceWarning)
        means = KMeans(n_clusters, n_init=1, random_state=seed).fit(features)
    centres = np.random.default_rng(seed).normal(size=(n_topics, width))
    centres[:n_clusters] = means.cluster_centers_
    labels = means.labels_.astype(np.int64)
    members = sp.csr_array(
        (np.ones(n_documents), (labels, np.arange(n_documents))), shape=(n_topics, n_documents)
    )
    return Clusters(
        vectors,
        idf,
        normalize(centres).astype(np.float32),
        labels,
        np.asarray((members @ counts).todense(), dtype=np.float64),
    )


def _positive_pmi(present: Any, frequency: NDArray[np.float64]) -> Any:
    """M of :func:`clusters`, (V, contexts)."""
    n_documents, vocab_size = present.shape
    contexts = np.sort(np.argsort(-frequency, kind="stable")[:_MAX_CONTEXTS])
    together = sp.csr_array(present.T @ present[:, contexts])
    of_context = frequency[contexts]
    kept, columns, values = np.zeros(vocab_size + 1, dtype=np.int64), [], []
    # some rows at a time: of words that often meet, nearly all pairs are there
    for first in range(0, vocab_size, _ROWS):
        last = min(first + _ROWS, vocab_size)
        part = slice(together.indptr[first], together.indptr[last])
        row = np.repeat(np.arange(first, last), np.diff(together.indptr[first : last + 1]))
        column = together.indices[part]
        with np.errstate(divide="ignore"):
            expected = frequency[row] * of_context[column]
            pmi = np.log(n_documents * together.data[part] / expected)
        keep = (row != contexts[column]) & (pmi > 0)
        kept[first + 1 : last + 1] = np.bincount(row[keep] - first, minlength=last - first)
        columns.append(column[keep])
        values.append(pmi[keep].astype(np.float32))
    return sp.csr_array(
        (np.concatenate(values), np.concatenate(columns), np.cumsum(kept)),
        shape=(vocab_size, len(contexts)),
    )


def _basis(matrix: Any, width: int, seed: int) -> NDArray[np.float32]:
    """Return sqrt(V) U of the first singular triples, (V, width)."""
    from sklearn.utils.extmath import randomized_svd

    u, _, _ = randomized_svd(matrix, min(width, *matrix.shape), n_iter=4, random_state=seed)
    vectors = np.zeros((matrix.shape[0], width), dtype=np.float32)
    vectors[:, : u.shape[1]] = u * np.sqrt(matrix.shape[0])
    return vectors
