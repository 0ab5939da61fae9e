"""What parts start from: training documents, their words' vectors, their clusters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from topicforge.distributed import generator
from topicforge.errors import TrainingError

#: words that serve as contexts of all others: the most frequent ones; bounds time and memory
_MAX_CONTEXTS = 5000
#: rows of positive PMI that are worked on at a time
_ROWS = 64
#: default width of the word vectors
WIDTH = 100


@dataclass(frozen=True)
class Clusters:
    """Documents in K clusters.

    Args:
        vectors: (V, d) word vectors, columns orthogonal with mean square 1.
        idf: (V,) log(N / n_v).
        centres: (K, d) unit vectors, the clusters' centres; as wide as what was clustered.
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


class StartData:
    """Training documents, and the word vectors and clusters that parts start from.

    :meth:`Component.start <topicforge.contracts.Component.start>` reads it as
    ``self.context.start_data``. It is empty when a saved model is opened, and again once all parts
    have started.

    Args:
        documents: gives some training documents, none empty, as scipy CSR (N, V); ``None``: there
            are none. It is called when a part reads them.
        features: gives what these documents have beside their counts, (N, F); ``None``: nothing.
    """

    def __init__(
        self,
        documents: Callable[[], Any] | None = None,
        features: Callable[[], NDArray[np.float32]] | None = None,
    ) -> None:
        self._documents = documents
        self._features = features
        self._clusters: Clusters | None = None

    @property
    def documents(self) -> Any:
        """(N, V) scipy CSR counts of training documents, evenly spaced where there are many.

        Raises:
            TrainingError: there are none.
        """
        if self._documents is None:
            raise TrainingError(
                "a start from data needs training documents, but there are none; choose a random "
                "start, or train with TopicModel.fit"
            )
        return self._documents()

    @property
    def features(self) -> NDArray[np.float32]:
        """(N, F) numbers of the same documents beside their counts.

        Raises:
            TrainingError: there are none.
        """
        if self._features is None:
            raise TrainingError(
                "a start from features needs those of training documents, but there are none; train with "
                "TopicModel.fit(X, features=...)"
            )
        return self._features()

    def clear(self) -> None:
        """Forget documents and clusters, so that a trained model holds neither."""
        self._documents = self._features = self._clusters = None

    def word_vectors(self, width: int) -> NDArray[np.float32]:
        """Return (V, width) vectors of the documents' words, columns with mean square 1.

        They are those of :meth:`clusters`, by themselves. A word that shares documents with no other
        has a vector of zeros, and so have the columns beyond V - 1.

        Raises:
            TrainingError: there are no documents.

        Source: Levy and Goldberg 2014, Neural Word Embedding as Implicit Matrix Factorization.
        """
        present = _present(self.documents)
        frequency = np.asarray(present.sum(0), dtype=np.float64).ravel()
        matrix = _positive_pmi(present, frequency)
        vectors = _basis(matrix, width, _seed())
        # of a matrix without rank a singular basis is arbitrary
        vectors[np.diff(matrix.indptr) == 0] = 0
        return vectors

    def clusters(
        self, n_topics: int, width: int | None = None, of: NDArray[np.float32] | None = None
    ) -> Clusters:
        """Cluster the documents; computed once and shared by all parts.

            M_vw = max(0, log(N n_vw / (n_v n_w))), 0 on the diagonal: positive PMI of words that
            share documents (Levy and Goldberg 2014); vectors = sqrt(V) U of its first ``width``
            singular triples, without the singular values, which would let few directions decide
            every distance; f_d = normalised sum_v log(1 + x_dv) idf_v vectors_v; k-means on f.

        Args:
            n_topics: K, number of clusters.
            width: of the word vectors; ``None`` for the clusters that another part has computed, or
                else of the usual width: parts that share clusters number their topics alike.
            of: (N, d) vectors of the documents to cluster instead of f; the centres are then as wide.

        Raises:
            TrainingError: there are no documents.
        """
        made = self._clusters
        if made is None or of is not None or width not in (None, made.vectors.shape[1]):
            counts = self.documents
            seed = _seed()
            width = bounded_width(counts.shape[1]) if width is None else width
            made = self._clusters = _cluster(counts, width, n_topics, seed, of)
        return made


def _seed() -> int:
    return int(torch.randint(2**31 - 1, (), generator=generator(torch.device("cpu"))))


def _present(counts: Any) -> Any:
    """Where words are: ones at the entries."""
    return sp.csr_array(
        (np.ones(counts.nnz, dtype=np.float32), counts.indices, counts.indptr), shape=counts.shape
    )


def _cluster(
    counts: Any, width: int, n_topics: int, seed: int, of: NDArray[np.float32] | None
) -> Clusters:
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
    features = normalize(weighted @ vectors) if of is None else of
    n_clusters = min(n_topics, len(np.unique(features, axis=0)))
    with warnings.catch_warnings():
        # documents that are the same but for rounding: some centres coincide, which does no harm
        warnings.simplefilter("ignore", ConvergenceWarning)
        means = KMeans(n_clusters, n_init=1, random_state=seed).fit(features)
    centres = np.random.default_rng(seed).normal(size=(n_topics, features.shape[1]))
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
    """M of :meth:`StartData.clusters`, (V, contexts)."""
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
