"""How much topics have in common: by their words, and by the documents that hold them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError


def similarity(topic_word: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the Bhattacharyya coefficient of each pair of topics, sum_v sqrt(p_v q_v).

    It is 1 for equal topics and 0 for topics without a common word; sqrt(1 - it) is their Hellinger
    distance. Source: Bhattacharyya 1943.

    Args:
        topic_word: (K, V) word distributions.

    Returns:
        (K, K), in [0, 1].
    """
    root = np.sqrt(topic_word)
    return np.clip(np.asarray(root @ root.T, dtype=np.float64), 0.0, 1.0)


def correlation(theta: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Pearson's correlation of each pair of topics over documents.

    Rows of theta sum to one, so that without any relation between topics the correlations are slightly
    negative, about -1 / (K - 1). A topic of the same share in all documents has the correlation 0.

    Args:
        theta: (N, K).

    Returns:
        (K, K), in [-1, 1], with ones on the diagonal.

    Raises:
        InputError: no document.
    """
    if not len(theta):
        raise InputError("topic_correlation: at least one document must have words, got none")
    centred = theta - theta.mean(0, dtype=np.float64)
    joint = centred.T @ centred
    spread = np.sqrt(np.diagonal(joint))
    # float32 theta of one value leaves spreads of rounding alone
    constant = spread <= 1e-6 * np.sqrt(len(theta))
    spread = np.where(constant, np.inf, spread)
    result = np.clip(joint / np.outer(spread, spread), -1.0, 1.0)
    np.fill_diagonal(result, 1.0)
    return np.asarray(result, dtype=np.float64)
