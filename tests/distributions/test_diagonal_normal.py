"""N(loc, diag(exp(log_var))) against scipy and finite differences."""

import numpy as np
import pytest
import torch
from scipy import stats

from topicforge.distributions import DiagonalNormal

LOC = torch.tensor([[0.0, 1.5, -2.0], [30.0, -0.1, 0.4]], dtype=torch.float64)
LOG_VAR = torch.tensor([[0.0, -3.0, 2.0], [1.0, 0.5, -0.7]], dtype=torch.float64)


def test_log_prob_is_scipys():
    z = torch.tensor([[0.3, 1.0, 4.0], [31.0, -2.0, 0.0]], dtype=torch.float64)
    expected = [
        stats.multivariate_normal(LOC[b].numpy(), np.diag(LOG_VAR[b].exp().numpy())).logpdf(
            z[b].numpy()
        )
        for b in range(2)
    ]
    got = DiagonalNormal(LOC, LOG_VAR).log_prob(z)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)


def test_samples_follow_it():
    torch.manual_seed(0)
    z = DiagonalNormal(LOC[0], LOG_VAR[0]).rsample(4000)
    assert z.shape == (4000, 3)
    scale = (LOG_VAR[0] / 2).exp()
    for j in range(3):
        fit = stats.kstest(z[:, j].numpy(), stats.norm(LOC[0, j], scale[j]).cdf)
        assert fit.pvalue > 1e-3  # fixed seed; a wrong scale or mean gives p below 1e-12
    # independent coordinates: a correlation of 4000 pairs has a deviation of 1 / sqrt(4000)
    correlation = np.corrcoef(z.numpy().T) - np.eye(3)
    assert np.abs(correlation).max() < 4 / np.sqrt(4000)


def test_one_draw_a_document():
    torch.manual_seed(0)
    q = DiagonalNormal(LOC, LOG_VAR)
    assert q.rsample().shape == (2, 3)
    assert q.rsample(5).shape == (5, 2, 3)
    assert torch.equal(q.mean, LOC)


def test_gradient_of_an_expectation_is_that_of_finite_differences():
    def expectation(loc, log_var):
        torch.manual_seed(1)
        return DiagonalNormal(loc, log_var).rsample(50).sin().mul(torch.arange(1.0, 4.0)).sum()

    loc, log_var = LOC[0].clone().requires_grad_(), LOG_VAR[0].clone().requires_grad_()
    # the same draws at each point, so the difference is exact up to its own order
    assert torch.autograd.gradcheck(expectation, (loc, log_var), eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_follows_the_parameters(dtype):
    q = DiagonalNormal(LOC.to(dtype), LOG_VAR.to(dtype))
    z = q.rsample()
    assert z.dtype == q.log_prob(z).dtype == dtype
