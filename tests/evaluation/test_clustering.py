import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from topicforge.errors import InputError
from topicforge.evaluation import km_nmi, km_purity, nmi, purity

ALL = [purity, nmi, km_purity, km_nmi]
# the worked example of Manning et al. 2008, figure 16.4: three clusters of x, o and d
LABELS = list("xxxxxoxoooodxxddd")
CLUSTERS = [0] * 6 + [1] * 6 + [2] * 5
ONE_HOT = np.eye(3)[CLUSTERS]


def sharp_theta(n=60, topics=4, seed=0):
    return np.random.default_rng(seed).dirichlet([0.2] * topics, n).astype(np.float32)


def test_the_textbook_example():
    assert purity(ONE_HOT, LABELS).value == 12 / 17
    assert nmi(ONE_HOT, LABELS).value == pytest.approx(0.36, abs=0.005)  # printed with two digits


def test_k_means_finds_the_corners_of_one_hot_rows():
    assert km_purity(ONE_HOT, LABELS).value == 12 / 17
    assert km_nmi(ONE_HOT, LABELS).value == pytest.approx(nmi(ONE_HOT, LABELS).value, abs=1e-12)


def test_agree_with_scikit_learn():
    theta = sharp_theta()
    labels = np.random.default_rng(1).integers(0, 5, 60)
    km = KMeans(n_clusters=4, n_init=3, random_state=0).fit_predict(theta)
    for clusters, by_purity, by_nmi in (
        (theta.argmax(1), purity, nmi),
        (km, km_purity, km_nmi),
    ):
        table = contingency_matrix(labels, clusters)
        assert by_purity(theta, labels).value == table.max(0).sum() / 60
        expected = normalized_mutual_info_score(labels, clusters)
        assert by_nmi(theta, labels).value == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 2**16), st.permutations(range(12)), st.permutations(range(3)))
def test_bounds_and_order_of_documents_and_topics(seed, documents, topics):
    rng = np.random.default_rng(seed)
    theta, labels = rng.dirichlet([0.5] * 3, 12), rng.integers(0, 3, 12)
    for metric in (purity, nmi):
        value = metric(theta, labels).value
        assert 0 <= value <= 1
        other = metric(theta[list(documents)][:, list(topics)], labels[list(documents)]).value
        assert other == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("metric", ALL)
def test_documents_that_follow_their_labels_score_one(metric):
    assert metric(np.eye(3)[[0, 0, 1, 1, 2]], list("aabbc")).value == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("metric", ALL)
def test_a_collapsed_model(metric):
    # every row the same: one cluster, which says nothing about the labels
    value = metric(np.full((4, 2), 0.5), ["a", "a", "a", "b"]).value
    assert value == (0.75 if metric in (purity, km_purity) else 0)


def test_a_collapsed_model_is_said():
    rule = km_nmi(np.full((4, 2), 0.5), ["a", "a", "a", "b"]).rule
    assert "theta has only 1 distinct groups" in rule


def test_fewer_documents_than_topics():
    score = km_purity(np.eye(5)[:2], ["a", "b"])
    assert score.value == 1
    assert "k = 2" in score.rule
    assert "fewer documents than the 5 topics" in score.rule


def test_one_document_and_one_topic():
    for metric in ALL:
        assert metric([[1.0]], ["a"]).value == 1


def test_the_provenance_counts_documents_and_labels():
    assert purity(ONE_HOT, LABELS, reference="toy").reference == "toy, 17 documents with 3 labels"


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("theta", "message"),
    [
        ([[0.5, math.nan], [0.5, 0.5]], "row 0 does not"),
        ([[0.5, 0.5], [math.inf, 0]], "row 1 does not"),
        ([[1.5, -0.5], [0.5, 0.5]], "row 0 does not"),
        ([[0.5, 0.5], [3.0, 1.0]], "row 1 sums to 4"),
        ([[0.5, 0.5], [0.0, 0.0]], "row 1 sums to 0"),
        ([0.5, 0.5], "matrix of numbers"),
        ([[0.5, 0.5], [1.0]], "matrix numpy can read"),
        ([["a", "b"], ["c", "d"]], "matrix of numbers"),
        (np.zeros((0, 3)), "at least one row"),
    ],
)
def test_unusable_theta(metric, theta, message):
    with pytest.raises(InputError, match=message):
        metric(theta, ["a", "b"])


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"], "got 1 labels for 2 documents"),
        (["a", "b", "c"], "got 3 labels for 2 documents"),
        (["", None], "at least one document must have a label"),
        (["nan", math.nan], "at least one document must have a label"),
        ("ab", "one label per document"),
        (np.eye(2), "one label per document"),
    ],
)
def test_unusable_labels(metric, labels, message):
    with pytest.raises(InputError, match=message):
        metric(np.eye(2), labels)


@pytest.mark.parametrize("missing", [None, math.nan, np.nan, "", " ", "nan", "None", "<NA>"])
@pytest.mark.parametrize("metric", ALL)
def test_documents_without_a_label_are_left_out_and_counted(metric, missing):
    theta = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.9, 0.1], [0.3, 0.7]])
    labels = ["a", "a", "b", "b", missing, missing]
    score = metric(theta, labels)
    assert score.value == pytest.approx(metric(theta[:4], labels[:4]).value) == 1.0
    assert score.reference == "4 documents with 2 labels (2 without a label left out)"
