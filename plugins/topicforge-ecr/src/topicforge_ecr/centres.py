"""Where topics start among word vectors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray


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
