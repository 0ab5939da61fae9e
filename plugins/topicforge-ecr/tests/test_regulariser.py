"""Embedding clustering as a rule of training: by hand, against scipy, and on the decoder."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.optimize import linprog
from topicforge import TopicModel
from topicforge.plugin import MixError, OptionError

from topicforge_ecr.clustering import clustering, distances
from topicforge_ecr.regulariser import EmbeddingClustering

THEMES = np.kron(np.eye(3), np.full(10, 0.8)) + 0.1


def documents():
    """300 documents, theme j on the words from 10 j to 10 j + 9."""
    rng = np.random.default_rng(0)
    return sp.csr_array(rng.poisson(THEMES[rng.integers(3, size=300)]))


def test_distances_by_hand():
    got = distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
    assert got.tolist() == [[0, 9], [25, 16]]


def test_value_tends_to_the_linear_programme():
    torch.manual_seed(0)
    cost = torch.rand(6, 3, dtype=torch.float64)
    sizes = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    rows = torch.kron(torch.eye(6), torch.ones(1, 3))
    columns = torch.kron(torch.ones(1, 6), torch.eye(3))
    exact = linprog(
        cost.flatten().numpy(),
        A_eq=torch.cat([rows, columns]).numpy(),
        b_eq=[1 / 6] * 6 + sizes.tolist(),
    ).fun
    value, _ = clustering(cost, sizes, 1e-3, 20_000)
    # the entropic part is at most e log 3, e a thousandth of the mean cost
    assert value.item() == pytest.approx(exact, abs=1e-3 * cost.mean().item() * 1.1 + 1e-6)


def test_topics_come_to_be_centres_of_words():
    def transport(regularisers):
        fitted = TopicModel(
            "etm",
            n_topics=3,
            epochs=10,
            encoder__hidden=(16,),
            decoder__width=8,
            regularisers=regularisers,
        ).fit(documents())
        decoder = fitted.network_.decoder
        cost = distances(decoder.rho.detach(), decoder.alpha.detach())
        value, _ = clustering(cost / cost.mean(), torch.full((3,), 1 / 3), 0.01, 1000)
        return value.item(), fitted.history_[-1].penalties

    (free, nothing), (held, penalties) = transport([]), transport(["embedding-clustering"])
    assert held < 0.95 * free
    assert not nothing
    assert penalties["embedding-clustering"] == pytest.approx(20 * held, rel=0.1)


def test_a_decoder_without_vectors_is_refused():
    with pytest.raises(MixError, match=r"embedding-clustering.*decoder='embedding'"):
        TopicModel(
            "nvdm-gsm",
            n_topics=3,
            epochs=1,
            decoder="product",
            regularisers=["embedding-clustering"],
        ).fit(documents())


@pytest.mark.parametrize("options", [{"weight": 0}, {"epsilon": -1}, {"iterations": 0}])
def test_options_have_domains(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        EmbeddingClustering(**options)
