"""Mixture of diagonal normals against scipy, sampled and differentiated."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from topicforge.distributions import NormalMixture

LOC = torch.tensor([[-3.0, 0.0], [1.0, 2.0], [4.0, -1.0]], dtype=torch.float64)
LOG_VAR = torch.tensor([[0.0, -1.0], [-2.0, 0.5], [0.3, 0.3]], dtype=torch.float64)
WEIGHT = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)


def mixture(log_var=LOG_VAR):
    return NormalMixture(LOC, log_var, WEIGHT.log())


def log_joint(z, log_var=LOG_VAR):
    scale = (log_var / 2).exp().expand(LOC.shape).numpy()
    terms = stats.norm(LOC.numpy(), scale).logpdf(z.numpy()[:, None, :]).sum(-1)
    return terms + WEIGHT.log().numpy()


@pytest.mark.parametrize("log_var", [LOG_VAR, LOG_VAR[:, :1]], ids=["diagonal", "isotropic"])
def test_log_prob_and_responsibilities_are_scipys(log_var):
    z = torch.tensor([[0.0, 0.0], [1.0, 2.0], [40.0, -300.0]], dtype=torch.float64)
    joint = log_joint(z, log_var)
    p = mixture(log_var)
    np.testing.assert_allclose(p.log_prob(z).numpy(), special.logsumexp(joint, 1), rtol=1e-11)
    np.testing.assert_allclose(p.responsibilities(z).numpy(), special.softmax(joint, 1), rtol=1e-9)


def test_mean():
    np.testing.assert_allclose(mixture().mean.numpy(), WEIGHT.numpy() @ LOC.numpy())


def test_samples_follow_it():
    torch.manual_seed(0)
    z = mixture().rsample(4000)
    for j in range(2):

        def cdf(x, j=j):
            scale = (LOG_VAR[:, j] / 2).exp().numpy()
            return (
                stats.norm(LOC[:, j].numpy(), scale).cdf(np.asarray(x)[..., None]) @ WEIGHT.numpy()
            )

        assert stats.kstest(z[:, j].numpy(), cdf).pvalue > 1e-3
    # a sample's coordinates come from one component: components 1 and 3 never swap them
    wins = mixture().responsibilities(z).argmax(1).bincount(minlength=3).numpy()
    np.testing.assert_allclose(wins / 4000, WEIGHT.numpy(), atol=0.05)


def test_isotropic_samples():
    torch.manual_seed(0)
    z = NormalMixture(LOC[:1], LOG_VAR[2:, :1], torch.zeros(1).double()).rsample(4000)
    for j in range(2):
        normal = stats.norm(LOC[0, j], np.exp(0.15))
        assert stats.kstest(z[:, j].numpy(), normal.cdf).pvalue > 1e-3


def test_samples_carry_gradients_to_means_and_variances_but_not_to_weights():
    loc, log_var = LOC.clone().requires_grad_(), LOG_VAR.clone().requires_grad_()
    logits = WEIGHT.log().clone().requires_grad_()

    def expectation(loc, log_var):
        torch.manual_seed(2)
        return NormalMixture(loc, log_var, torch.log_softmax(logits, 0)).rsample(30).sin().sum()

    assert torch.autograd.gradcheck(expectation, (loc, log_var), eps=1e-6, atol=1e-5)
    (grad,) = torch.autograd.grad(expectation(loc, log_var), logits, allow_unused=True)
    assert grad is None


def test_shapes():
    assert mixture().rsample().shape == (2,)
    assert mixture().rsample(0).shape == (0, 2)
    assert mixture().rsample(1).shape == (1, 2)
