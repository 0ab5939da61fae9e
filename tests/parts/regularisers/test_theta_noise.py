"""Theta noise: its mean, that it stays on the simplex, and that it belongs to training alone."""

from types import SimpleNamespace

import pytest
import torch

from topicforge import TopicModel
from topicforge.contracts import Context
from topicforge.errors import OptionError
from topicforge.parts.priors import DirichletPrior, GaussianPrior
from topicforge.parts.regularisers import ThetaNoise
from topicforge.plugin import Regulariser

PRIORS = {
    "on the simplex": (DirichletPrior, {"concentration": 0.7}, 0.7),
    # a prior in z gives no proportions: Dir(0.1) takes its place
    "in z": (GaussianPrior, {}, 0.1),
}


@pytest.mark.parametrize("prior", PRIORS)
def test_noise_is_drawn_from_the_prior(prior):
    torch.manual_seed(0)
    made, options, concentration = PRIORS[prior]
    noise = ThetaNoise(share=0.25)
    noise.start(SimpleNamespace(prior=made(Context(6, 4, 4), **options)))
    theta = torch.tensor([0.7, 0.1, 0.1, 0.1]).expand(50_000, 4)
    drawn = (noise.theta(theta) - 0.75 * theta) / 0.25
    torch.testing.assert_close(drawn.sum(1), torch.ones(50_000), atol=1e-5, rtol=0)
    assert drawn.min() > -1e-6
    # Dir(a) of four: mean 1/4, variance 3 / (16 (4 a + 1)); five standard errors of either
    variance = 3 / (16 * (4 * concentration + 1))
    assert (drawn.mean(0) - 0.25).abs().max() < 5 * (variance / 50_000) ** 0.5
    assert (drawn.var(0) - variance).abs().max() < 5 * variance * (2 / 50_000) ** 0.5 * 2


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan"), True])
def test_share_must_be_below_one(share):
    with pytest.raises(OptionError, match=r"\[0, 1\)"):
        ThetaNoise(share=share)


class Uniform(Regulariser):
    """Gives the decoder the same theta for every document, without drawing anything."""

    def theta(self, theta):
        return torch.full_like(theta, 1 / theta.shape[1])


@pytest.mark.parametrize("preset", ["w-lda", "nvdm-gsm"])
def test_the_divergence_and_held_out_documents_see_the_clean_theta(planted, preset):
    def first_step(regularisers):
        model = TopicModel(
            preset, n_topics=3, epochs=1, batch_size=4096, encoder__hidden=(8,), learning_rate=1e-30,
            regularisers=regularisers, training={"validation_fraction": 0.2},
        )  # fmt: skip
        return model.fit(planted[0]).history_[0]

    clean, changed = first_step([]), first_step([Uniform()])
    assert changed.divergence == clean.divergence
    assert changed.reconstruction != clean.reconstruction
    assert changed.validation_loss == clean.validation_loss
