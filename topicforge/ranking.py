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
ASSOCIATION = "association: normalised PMI of topic and word over the training documents"


class Association:
    """Normalised pointwise mutual information of topic and word, from one pass over documents.

        s(k, v) = log[p(k, v) / (p(k) p(v))] / -log p(k, v)
        p(k, v) = mean_d theta_dk [x_dv > 0],  p(k) = mean_d theta_dk,  p(v) = mean_d [x_dv > 0]

    1 where word and topic come only together, 0 where they are independent; the division keeps
    words of a single document from winning, which plain PMI does not (Bouma 2009, eq. 5).

    Args:
        n_topics: K.
        vocab_size: V.
    """

    def __init__(self, n_topics: int, vocab_size: int) -> None:
        self.joint = np.zeros((vocab_size, n_topics))
        self.topic = np.zeros(n_topics)
        self.word = np.zeros(vocab_size)
        self.n_documents = 0

    def add(self, batch: Batch, theta: NDArray[np.float32]) -> None:
        """Count a batch of documents and their theta (B, K); the sums stay (V, K)."""
        col, crow = batch.col.cpu().numpy(), batch.crow.cpu().numpy()
        shape = (batch.n_documents, batch.vocab_size)
        present = sp.csr_array((np.ones(len(col), dtype=np.float32), col, crow), shape=shape)
        self.joint += present.T @ theta
        self.topic += theta.sum(0, dtype=np.float64)
        self.word += np.bincount(col, minlength=batch.vocab_size)
        self.n_documents += batch.n_documents

    def scores(self) -> NDArray[np.float32]:
        """(K, V) scores; -1 where word and topic never met."""
        joint = self.joint.T / self.n_documents
        independent = np.outer(self.topic, self.word) / self.n_documents**2
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.log(joint / independent) / -np.log(joint)
        # p(k, v) = 1: every document has both, which tells nothing
        score = np.where(joint >= 1, 0.0, score)
        return np.where(joint > 0, score, -1.0).astype(np.float32)
