"""Topics joined step by step, the nearest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import OptionError
from topicforge.results.table import Table

DISTANCES = ("hellinger", "cosine")
METHODS = ("average", "complete", "single")


@dataclass(frozen=True)
class Merge:
    """One step: two topics or clusters become one.

    Args:
        cluster: number of the new cluster: K for the first, K + 1 for the second.
        left: number of a topic (below K) or cluster.
        right: the other's.
        distance: between the two.
        topics: the topics in the new cluster, rising.
    """

    cluster: int
    left: int
    right: int
    distance: float
    topics: tuple[int, ...]


def hierarchy(
    topic_word: NDArray[np.floating], *, distance: str = "hellinger", method: str = "average"
) -> Table[Merge]:
    """Return the K - 1 steps of agglomerative clustering, by ``scipy.cluster.hierarchy.linkage``.

    Args:
        topic_word: (K, V) word distributions.
        distance: ``hellinger``, sqrt(1 - sum_v sqrt(p_v q_v)), or ``cosine``, one minus the cosine.
        method: distance of clusters: ``average`` of their topics' distances, the largest
            (``complete``) or the smallest (``single``).

    Raises:
        OptionError: an unknown distance or method.
    """
    for name, value, known in (("distance", distance, DISTANCES), ("method", method, METHODS)):
        if value not in known:
            raise OptionError(f"hierarchy: {name} must be one of {', '.join(known)}, got {value!r}")
    n_topics = len(topic_word)
    if n_topics < 2:
        return Table(Merge, ())
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    if distance == "hellinger":
        apart = pdist(np.sqrt(topic_word.astype(np.float64))) / np.sqrt(2)
    else:
        apart = pdist(topic_word.astype(np.float64), "cosine")
    members: list[tuple[int, ...]] = [(k,) for k in range(n_topics)]
    rows = []
    for left, right, far, _ in linkage(apart, method):
        members.append(tuple(sorted(members[int(left)] + members[int(right)])))
        rows.append(Merge(len(members) - 1, int(left), int(right), float(far), members[-1]))
    return Table(Merge, rows)
