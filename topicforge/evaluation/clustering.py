"""Topic proportions as a clustering of documents, against labels: purity and NMI."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError
from topicforge.evaluation.labels import is_missing
from topicforge.evaluation.proportions import check_proportions
from topicforge.evaluation.score import Score

Codes = NDArray[np.int64]

_SOURCE = "Manning et al. 2008, section 16.3"
_ARGMAX = "each document to its largest topic"
# k-means as the field's comparisons run it
_SEED, _STARTS = 0, 3


def purity(theta: Any, labels: Sequence[Hashable], *, reference: str | None = None) -> Score:
    """(1 / N) sum_k max_c |documents of cluster k with label c|, cluster = argmax theta.

    Args:
        theta: (N, K) topic proportions.
        labels: N labels, strings or numbers; documents whose label is missing (``None``, NaN, an
            empty string) are left out.
        reference: name of the labelled documents, for the provenance.

    Returns:
        Score in (0, 1]. It grows with the number of topics in use: compare at equal K.

    Raises:
        InputError: unusable theta or labels.

    Source: Manning, Raghavan and Schütze 2008, section 16.3.
    """
    return clustering(theta, labels, ("purity",), reference=reference)["purity"]


def nmi(theta: Any, labels: Sequence[Hashable], *, reference: str | None = None) -> Score:
    """2 I(cluster; label) / (H(cluster) + H(label)), cluster = argmax theta.

    Args:
        theta: (N, K) topic proportions.
        labels: N labels, strings or numbers; documents whose label is missing (``None``, NaN, an
            empty string) are left out.
        reference: name of the labelled documents, for the provenance.

    Returns:
        Score in [0, 1], by scikit-learn; one cluster and one label in all count 1.

    Raises:
        InputError: unusable theta or labels.

    Source: Manning, Raghavan and Schütze 2008, section 16.3.
    """
    return clustering(theta, labels, ("nmi",), reference=reference)["nmi"]


def km_purity(theta: Any, labels: Sequence[Hashable], *, reference: str | None = None) -> Score:
    """Purity of k-means clusters of the rows of theta, k = K; see :func:`purity`.

    Args:
        theta: (N, K) topic proportions.
        labels: N labels, strings or numbers; documents whose label is missing (``None``, NaN, an
            empty string) are left out.
        reference: name of the labelled documents, for the provenance.

    Returns:
        Score in (0, 1]. k is N where there are fewer documents than topics; the rule says so.

    Raises:
        InputError: unusable theta or labels.

    Source: as :func:`purity`; clusters by scikit-learn's KMeans, seed 0, best of 3 starts.
    """
    return clustering(theta, labels, ("km_purity",), reference=reference)["km_purity"]


def km_nmi(theta: Any, labels: Sequence[Hashable], *, reference: str | None = None) -> Score:
    """NMI of k-means clusters of the rows of theta, k = K; see :func:`nmi`.

    Args:
        theta: (N, K) topic proportions.
        labels: N labels, strings or numbers; documents whose label is missing (``None``, NaN, an
            empty string) are left out.
        reference: name of the labelled documents, for the provenance.

    Returns:
        Score in [0, 1]. k is N where there are fewer documents than topics; the rule says so.

    Raises:
        InputError: unusable theta or labels.

    Source: as :func:`nmi`; clusters by scikit-learn's KMeans, seed 0, best of 3 starts.
    """
    return clustering(theta, labels, ("km_nmi",), reference=reference)["km_nmi"]


def clustering(
    theta: Any,
    labels: Sequence[Hashable],
    names: Sequence[str],
    *,
    reference: str | None = None,
) -> dict[str, Score]:
    """Return the scores named, of purity, nmi, km_purity and km_nmi, with k-means run once.

    Args:
        theta: (N, K) topic proportions.
        labels: N labels, strings or numbers; documents whose label is missing (``None``, NaN, an
            empty string) are left out.
        names: which of the four, in any order.
        reference: name of the labelled documents, for the provenance.

    Raises:
        InputError: unusable theta or labels.
    """
    where = ", ".join(names)
    shares = check_proportions(theta, where=where, name="theta")
    kept, codes, n_labels = _codes(labels, len(shares), where)
    counted = f"{len(codes):,} documents with {n_labels} labels"
    if len(codes) < len(shares):
        counted += f" ({len(shares) - len(codes):,} without a label left out)"
        shares = shares[kept]
    corpus = f"{reference}, {counted}" if reference else counted

    assignments: dict[bool, tuple[Codes, str]] = {}
    scores: dict[str, Score] = {}
    for name in names:
        by_k_means = name.startswith("km_")
        if by_k_means not in assignments:
            assignments[by_k_means] = (
                _k_means(shares) if by_k_means else (shares.argmax(1), _ARGMAX)
            )
        clusters, rule = assignments[by_k_means]
        if name.endswith("purity"):
            value = _purity(clusters, codes)
        else:
            value = _nmi(clusters, codes)
            rule += ", normalised by the mean of both entropies"
        scores[name] = Score(
            name=name,
            value=value,
            per_topic=None,
            reference=corpus,
            window=None,
            top=None,
            rule=rule,
            source=_SOURCE,
        )
    return scores


def _codes(labels: Sequence[Hashable], n_documents: int, where: str) -> tuple[Codes, Codes, int]:
    """Labelled documents (M,), their label numbers in order of first appearance, number of labels."""
    if isinstance(labels, str) or getattr(labels, "ndim", 1) != 1:
        raise InputError(f"{where}: labels must be a list with one label per document")
    listed = list(labels)
    if len(listed) != n_documents:
        raise InputError(
            f"{where}: labels must match the rows of theta, got {len(listed)} labels "
            f"for {n_documents} documents"
        )
    kept = [position for position, label in enumerate(listed) if not is_missing(label)]
    if not kept:
        raise InputError(f"{where}: at least one document must have a label, but none has one")
    number: dict[Hashable, int] = {}
    codes = [number.setdefault(listed[position], len(number)) for position in kept]
    return np.array(kept), np.array(codes, dtype=np.int64), len(number)


def _purity(clusters: Codes, codes: Codes) -> float:
    table = np.zeros((int(clusters.max()) + 1, int(codes.max()) + 1), dtype=np.int64)
    np.add.at(table, (clusters, codes), 1)
    return float(table.max(1).sum() / codes.size)


def _nmi(clusters: Codes, codes: Codes) -> float:
    from sklearn.metrics import normalized_mutual_info_score  # heavy

    # rounding can leave it a hair outside
    return float(np.clip(normalized_mutual_info_score(codes, clusters), 0.0, 1.0))


def _k_means(shares: NDArray[np.floating[Any]]) -> tuple[Codes, str]:
    from sklearn.cluster import KMeans  # heavy
    from sklearn.exceptions import ConvergenceWarning

    n_documents, n_topics = shares.shape
    k = min(n_topics, n_documents)
    model = KMeans(n_clusters=k, n_init=_STARTS, random_state=_SEED)
    with warnings.catch_warnings():
        # fewer distinct rows than clusters, a collapsed model: said in the rule instead
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = np.asarray(model.fit_predict(shares), dtype=np.int64)
    rule = f"k-means on theta, k = {k}, seed {_SEED}, best of {_STARTS} starts"
    if k < n_topics:
        rule += f" (fewer documents than the {n_topics} topics)"
    found = np.unique(clusters).size
    if found < k:
        rule += f"; theta has only {found} distinct groups of rows"
    return clusters, rule
