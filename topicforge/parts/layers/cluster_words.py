"""Topics that start at the words of document clusters."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topicforge.contracts import Context

#: words of the whole corpus added to every cluster's own
SMOOTHING = 100.0
#: where topics start: the option ``start`` of decoders
STARTS = ("random", "clusters")


def cluster_words(context: Context) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p(v | k) of K document clusters, (K, V), and p(v) of all of them, (V,).

        p(v | k) = (n_kv + 100 p(v)) / (n_k + 100),  p(v) = (n_v + 1 / V) / (n + 1)

    n_kv counts word v in the documents of cluster k. The clusters are those that encoder ``spectral``
    starts from, topic by topic.

    Args:
        context: sizes, and training documents.

    Raises:
        TrainingError: there are no documents.
    """
    counts = context.start_data.clusters(context.n_topics).word_counts
    total = counts.sum(0)
    everywhere = (total + 1 / context.vocab_size) / (total.sum() + 1)
    words = counts + SMOOTHING * everywhere
    words /= words.sum(1, keepdims=True)
    return words, everywhere


def log_cluster_words(context: Context) -> tuple[Tensor, Tensor]:
    """Return the logarithms of :func:`cluster_words`, (V, K) and (V,), float32."""
    words, everywhere = (torch.from_numpy(np.log(p)).float() for p in cluster_words(context))
    return words.T, everywhere
