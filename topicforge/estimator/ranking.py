"""By what a topic's top words are ranked: the decoder's own scores, or association.

A decoder's probabilities put frequent words first in every topic. The association of topic and word
over the training documents asks instead which words tell that a document has the topic.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.contracts import Batch

RANKINGS = ("decoder", "association")
ASSOCIATION = "association of topic and word over the training documents"
#: a word is a topic's own once it has been seen with it in about so many documents
SMOOTHING = 100.0
#: how much of a shared word goes to the topic that has most of it; docs/results.md compares powers
EXCLUSIVITY = 4


class TopicUse:
    """How much documents use each topic.

    Args:
        n_topics: K.

    Attributes:
        total: (K,) sum of theta.
        largest: (K,) number of documents whose largest topic it is.
        n_documents: number of documents.
    """

    def __init__(self, n_topics: int) -> None:
        self.total = np.zeros(n_topics)
        self.largest = np.zeros(n_topics, dtype=np.int64)
        self.n_documents = 0

    def add(self, theta: NDArray[np.float32]) -> None:
        """Count documents by their theta (B, K)."""
        self.total += theta.sum(0, dtype=np.float64)
        self.largest += np.bincount(theta.argmax(1), minlength=len(self.total))
        self.n_documents += len(theta)

    def __add__(self, other: TopicUse) -> TopicUse:
        """The sums over the documents of both."""
        both = TopicUse(len(self.total))
        both.total, both.largest = self.total + other.total, self.largest + other.largest
        both.n_documents = self.n_documents + other.n_documents
        return both

    def share(self) -> NDArray[np.float64]:
        """(K,) mean of theta."""
        return self.total / self.n_documents


class Association:
    """How much a word tells of a topic, from one pass over documents.

        s(k, v) = p(v | k) log[p(v | k) / p(v)] e(k, v)
        n_kv = sum_d theta_dk [x_dv > 0],  p(v | k) = n_kv / sum_v n_kv,  p(v) = n_v / sum_v n_v
        e(k, v) = x_kv^4 / sum_k x_kv^4,  x_kv = (n_kv + 100 p(k)) / (n_v + 100)

    The first factors are the word's share in the Kullback-Leibler divergence of topic and corpus: 0
    where they are independent, and small for words of a few documents, which plain PMI puts first.
    e gives a word that several topics share to the topic that has most of it; x is p(k | v), drawn
    to p(k) where the word is rare.

    Args:
        n_topics: K.
        vocab_size: V.
    """

    def __init__(self, n_topics: int, vocab_size: int) -> None:
        self.joint = np.zeros((vocab_size, n_topics))
        self.use = TopicUse(n_topics)
        self.word = np.zeros(vocab_size)

    def add(self, batch: Batch, theta: NDArray[np.float32]) -> None:
        """Count a batch of documents and their theta (B, K); the sums stay (V, K)."""
        col, crow = batch.col.cpu().numpy(), batch.crow.cpu().numpy()
        shape = (batch.n_documents, batch.vocab_size)
        present = sp.csr_array((np.ones(len(col), dtype=np.float32), col, crow), shape=shape)
        self.joint += present.T @ theta
        self.use.add(theta)
        self.word += np.bincount(col, minlength=batch.vocab_size)

    def __add__(self, other: Association) -> Association:
        """The sums over the documents of both."""
        both = Association(len(self.use.total), len(self.word))
        both.joint, both.word = self.joint + other.joint, self.word + other.word
        both.use = self.use + other.use
        return both

    def scores(self) -> NDArray[np.float32]:
        """(K, V) scores; -1 where word and topic never met, below every score there can be."""
        joint = self.joint.T
        tiny = np.finfo(np.float64).tiny
        given = joint / np.maximum(joint.sum(1, keepdims=True), tiny)
        share = (joint + SMOOTHING * self.use.share()[:, None]) / (self.word + SMOOTHING)
        power = share**EXCLUSIVITY
        with np.errstate(divide="ignore", invalid="ignore"):
            score = given * np.log(given / (self.word / self.word.sum()))
        score *= power / np.maximum(power.sum(0), tiny)
        return np.where(joint > 0, score, -1.0).astype(np.float32)


class Seen:
    """The association sums of all documents that partial fits have seen.

    A batch that comes twice in a row counts once, with the theta that it has now, so that partial fits on
    the same documents are one fit. A batch that comes again later counts again.
    """

    def __init__(self) -> None:
        self._before: Association | None = None
        self._last: tuple[str, Association] | None = None

    def take(self, checksum: str, sums: Association) -> None:
        """Add the sums of a batch of documents, known by their checksum."""
        if self._last is not None and self._last[0] != checksum:
            self._before = self._with_before(self._last[1])
        self._last = (checksum, sums)

    def association(self) -> Association:
        """Return the sums of everything."""
        assert self._last is not None
        return self._with_before(self._last[1])

    def _with_before(self, sums: Association) -> Association:
        return sums if self._before is None else self._before + sums
