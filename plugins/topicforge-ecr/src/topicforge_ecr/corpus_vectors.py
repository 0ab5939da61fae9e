"""Word vectors of the training documents themselves, where there are no pretrained ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from topicforge.plugin import Context, TrainingError

#: words that serve as contexts of all others: the most frequent ones; bounds time and memory
_CONTEXTS = 5000


def corpus_vectors(context: Context, width: int) -> NDArray[np.float32]:
    """Return (V, E) word vectors: left singular vectors of the words' positive PMI.

        M_vw = max(0, log(N n_vw / (n_v n_w))), 0 on the diagonal, n counting documents

    Singular values are left out; with them a few directions decide every distance. A word that
    shares documents with no other gets zeros.

    Args:
        context: with training documents.
        width: E; lowered to V - 1 and to the number of words that serve as contexts, less one.

    Raises:
        TrainingError: the context has no documents.

    Source: Levy and Goldberg 2014, Neural Word Embedding as Implicit Matrix Factorization.
    """
    import scipy.sparse as sp
    from sklearn.utils.extmath import randomized_svd

    if "documents" not in context.shared:
        raise TrainingError(
            "decoder 'ecr': vectors='corpus' needs training documents, but the context has none; "
            "leave vectors out, or train with TopicModel.fit"
        )
    present = sp.csr_array(context.shared["documents"]())
    present = sp.csr_array((present > 0).astype(np.float32))
    n = np.asarray(present.sum(axis=0)).ravel()
    frequent = np.argsort(-n, kind="stable")[:_CONTEXTS]
    joint = sp.coo_array(present.T @ present[:, frequent])
    pmi = np.log(present.shape[0] * joint.data / (n[joint.row] * n[frequent][joint.col]))
    keep = (pmi > 0) & (joint.row != frequent[joint.col])
    matrix: Any = sp.csr_array(
        (pmi[keep], (joint.row[keep], joint.col[keep])), shape=joint.shape, dtype=np.float32
    )
    seed = int(torch.randint(2**31 - 1, ()))
    width = max(1, min(width, min(matrix.shape) - 1))
    left, _, _ = randomized_svd(matrix, width, n_iter=4, random_state=seed)
    return np.asarray(left, dtype=np.float32)


def centres(vectors: NDArray[np.float32], n_topics: int) -> NDArray[np.float32]:
    """Return (K, E) centres of k-means over unit word vectors (n, E); K <= n.

    Args:
        vectors: (n, E).
        n_topics: K.
    """
    from sklearn.cluster import KMeans

    seed = int(torch.randint(2**31 - 1, ()))
    fit = KMeans(n_topics, n_init=1, max_iter=30, random_state=seed).fit(vectors)
    return np.asarray(fit.cluster_centers_, dtype=np.float32)
