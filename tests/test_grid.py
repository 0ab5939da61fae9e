"""Every encoder x prior x divergence x decoder trains on a small real corpus, or is refused."""

import numpy as np
import pytest

from topicforge import TopicModel
from topicforge.errors import MixError
from topicforge.registry import default_registry
from topicforge.wiring.composition import fit_table

NAMES = {
    kind: [spec.name for spec in default_registry().specs(kind)]
    for kind in ("encoder", "prior", "divergence", "decoder")
}
IMPOSSIBLE = {
    (row["encoder"], row["prior"], divergence)
    for row in fit_table(default_registry())
    for divergence in NAMES["divergence"]
    if row.get(divergence) == "impossible"
}


def test_the_built_in_parts_are_among_them():
    assert {"gaussian", "dirichlet", "gmm"} <= set(NAMES["prior"])
    assert {"kl", "mmd", "none"} <= set(NAMES["divergence"])
    assert {("mlp-point", prior, "kl") for prior in NAMES["prior"]} < IMPOSSIBLE


@pytest.mark.parametrize("decoder", NAMES["decoder"])
@pytest.mark.parametrize("divergence", NAMES["divergence"])
@pytest.mark.parametrize("prior", NAMES["prior"])
@pytest.mark.parametrize("encoder", NAMES["encoder"])
def test_mix(reuters, encoder, prior, divergence, decoder):
    counts, _ = reuters
    counts = counts[:200]
    model = TopicModel(
        encoder=encoder, prior=prior, divergence=divergence, decoder=decoder, n_topics=6, epochs=2,
        batch_size=64, learning_rate=1e-2,
    )  # fmt: skip
    if encoder != "spectral":
        model.set_params(encoder__hidden=(16,))
    if decoder in ("mlp", "embedding"):
        model.set_params(
            **{"mlp": {"decoder__hidden": (8,)}, "embedding": {"decoder__width": 8}}[decoder]
        )
    if (encoder, prior, divergence) in IMPOSSIBLE:
        with pytest.raises(MixError, match="do not fit"):
            model.fit(counts)
        return
    theta = model.fit_transform(counts)
    assert theta.shape == (200, 6)
    # rows are float32 sums of six terms: a few units in the last place
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(model.topic_word_.sum(1), 1, atol=1e-4)
    first, last = model.history_[0], model.history_[-1]
    assert np.isfinite([last.loss, last.divergence]).all()
    assert last.reconstruction < first.reconstruction
