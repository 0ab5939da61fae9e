"""W-LDA's own correctness test (Nan 2019, supplement): planted topics must come back."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from topicforge import TopicModel


def matched_cosines(found, planted):
    """Cosines of the best one-to-one matching of found and planted topics."""
    a = found / np.linalg.norm(found, axis=1, keepdims=True)
    b = planted / np.linalg.norm(planted, axis=1, keepdims=True)
    cosine = a @ b.T
    rows, columns = linear_sum_assignment(-cosine)
    return cosine[rows, columns]


@pytest.mark.slow
@pytest.mark.parametrize("divergence", ["mmd", "none"])
def test_planted_topics_come_back_only_with_the_divergence(lda_corpus, divergence):
    # the supplement's corpus: 10,000 documents, V = 100, K = 5, alpha = 0.1; encoder 10-10,
    # no noise, 50 epochs
    counts, planted = lda_corpus(10_000, 100, 5, 100, seed=0)
    model = TopicModel(
        "w-lda-paper", n_topics=5, encoder__hidden=(10, 10), regularisers=[], epochs=50, seed=0,
        divergence=divergence,
    ).fit(counts)  # fmt: skip
    cosines = matched_cosines(model.topic_word_, planted)
    if divergence == "mmd":
        assert cosines.mean() > 0.95, cosines
    else:
        # the reconstruction alone leaves planted topics unfound
        assert cosines.mean() < 0.95, cosines
        assert cosines.min() < 0.6, cosines
