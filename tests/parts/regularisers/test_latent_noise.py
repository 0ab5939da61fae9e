"""Latent noise: its variance, and that the divergence sees the clean latent."""

import pytest
import torch

from topicforge import TopicModel
from topicforge.errors import OptionError
from topicforge.parts.regularisers import LatentNoise
from topicforge.plugin import Regulariser


def test_moments():
    torch.manual_seed(0)
    z = torch.full((400, 500), 3.0)
    noise = LatentNoise(scale=0.5).latent(z) - z
    # 200 000 draws: five standard errors of a mean and of a variance
    assert abs(noise.mean().item()) < 5 * 0.5 / 200_000**0.5
    assert abs(noise.var().item() - 0.25) < 5 * 0.25 * (2 / 200_000) ** 0.5


def test_dtype_shape_and_gradient_are_kept():
    z = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    out = LatentNoise(scale=1.0).latent(z)
    out.sum().backward()
    assert (out.dtype, out.shape) == (z.dtype, z.shape)
    assert torch.equal(z.grad, torch.ones_like(z))


@pytest.mark.parametrize("scale", [0, -0.1, float("nan")])
def test_scale_must_be_positive(scale):
    with pytest.raises(OptionError, match="scale"):
        LatentNoise(scale=scale)


class Far(Regulariser):
    """Replaces the latent by something else altogether, without drawing anything."""

    def latent(self, z):
        return torch.zeros_like(z)


@pytest.mark.parametrize("preset", ["w-lda", "nvdm-gsm"])
def test_the_divergence_sees_the_clean_latent(planted, preset):
    def first_step(regularisers):
        model = TopicModel(
            preset,
            n_topics=3,
            epochs=1,
            batch_size=4096,
            encoder__hidden=(8,),
            regularisers=regularisers,
        )
        return model.fit(planted[0]).history_[0]

    clean, changed = first_step([]), first_step([Far()])
    # one batch: the divergence is that of the first step, in theta (MMD) and in z (KL)
    assert changed.divergence == clean.divergence
    assert changed.reconstruction != clean.reconstruction
