"""Every decoder can start at the words of document clusters, by one option of one name."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.contracts import Context, StartData
from topicforge.errors import UnknownNameError
from topicforge.parts.decoders import EmbeddingDecoder, MixtureDecoder, MlpDecoder, ProductDecoder

V, K = 30, 3
VECTORS = np.random.default_rng(0).normal(size=(V, 40)).astype(np.float32)
DECODERS = {
    "mixture": (MixtureDecoder, {}),
    "product": (ProductDecoder, {}),
    "product normed": (ProductDecoder, {"batch_norm": True}),
    "embedding": (EmbeddingDecoder, {"width": 8}),
    "embedding of K": (EmbeddingDecoder, {"width": K}),
    "embedding given": (EmbeddingDecoder, {"vectors": VECTORS, "train_vectors": False}),
    "mlp": (MlpDecoder, {"hidden": (20,), "dropout": 0.3}),
    "mlp linear": (MlpDecoder, {"hidden": ()}),
}


def blocks():
    """Documents of words 0 to 9, of 10 to 19, of 20 to 29, some of each."""
    rng = np.random.default_rng(1)
    share = np.kron(np.eye(3), np.full(10, 0.1))
    return sp.csr_array(rng.multinomial(30, share[np.repeat([0, 1, 2], [30, 40, 50])]))


def made(name, **more):
    torch.manual_seed(0)
    decoder, options = DECODERS[name]
    counts = blocks()
    context = Context(V, K, K, start_data=StartData(lambda: counts))
    part = decoder(context, **{**options, "start": "clusters", **more})
    part.start()
    return part.eval(), context


@pytest.mark.parametrize("name", DECODERS)
def test_topics_are_the_clusters_words(name):
    part, context = made(name)
    counts = context.start_data.clusters(K).word_counts
    total = counts.sum(0)
    alone = (total + 1 / V) / (total.sum() + 1)
    expected = (counts + 100 * alone) / (counts + 100 * alone).sum(1, keepdims=True)
    with torch.no_grad():
        found = part.topic_word(torch.eye(K)).numpy()
    # float32, and batch norm's epsilon of 1e-3 beside a variance of 1
    np.testing.assert_allclose(found, expected, rtol=1e-2 if "normed" in name else 1e-3)


@pytest.mark.parametrize("decoder", ["mixture", "product", "embedding", "mlp"])
def test_by_name_from_equal_starts(decoder, planted):
    settings = {"encoder": "mlp", "encoder__hidden": (8,), "n_topics": 3, "epochs": 0}
    model = TopicModel(decoder=(decoder, {"start": "clusters"}), **settings).fit(planted[0])
    other = TopicModel(decoder="mixture", decoder__start="clusters", **settings).fit(planted[0])
    np.testing.assert_allclose(model.topic_word_, other.topic_word_, rtol=1e-3)


@pytest.mark.parametrize("name", ["product", "embedding", "mlp"])
def test_another_start_is_refused(name):
    with pytest.raises(UnknownNameError, match="option 'start' must be one of random, clusters"):
        made(name, start="cluster")
