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
ASSOCIATION = "association p(v|k)^0.4 log(p(v|k) / p(v)) over the training documents"
#: weight of p(v|k): 0 is plain PMI, 1 the share in a Kullback-Leibler divergence
EXPONENT = 0.4


class Association:
    """Pointwise mutual information of topic and word, weighted by how often they meet.

        s(k, v) = p(v | k)^0.4 log[p(v | k) / p(v)]
        p(v | k) = sum_d theta_dk [x_dv > 0] / sum_d theta_dk,  p(v) = mean_d [x_dv > 0]

    0 where topic and word are independent. PMI alone (weight 1) puts words of one document first;
    weighting by p(v | k) itself, the word's share in the Kullback-Leibler divergence of topic and
    corpus, puts frequent words first; 0.4 is between the two (docs/results.md compares exponents).

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
        """(K, V) scores; -1 where word and topic never met, below every score there can be."""
        topic = np.maximum(self.topic, np.finfo(np.float64).tiny)
        conditional = self.joint.T / topic[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            score = conditional**EXPONENT * np.log(conditional / (self.word / self.n_documents))
        return np.where(self.joint.T > 0, score, -1.0).astype(np.float32)
