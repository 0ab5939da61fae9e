"""Dir(a) against scipy and its own closed-form moments, down to a = 1e-3."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import digamma, polygamma

from topicforge.distributions import Dirichlet

A = torch.tensor([0.3, 1.0, 4.0], dtype=torch.float64)


def test_log_prob_is_scipys():
    torch.manual_seed(0)
    a = torch.rand(6, 4, dtype=torch.float64) * 3 + 0.05
    theta = torch.softmax(torch.randn(6, 4, dtype=torch.float64), -1)
    expected = [stats.dirichlet(a[b].numpy()).logpdf(theta[b].numpy()) for b in range(6)]
    np.testing.assert_allclose(Dirichlet(a).log_prob(theta.log()).numpy(), expected, rtol=1e-11)


def test_mean_is_the_logarithm_of_the_mean():
    np.testing.assert_allclose(Dirichlet(A).mean.exp().numpy(), stats.dirichlet(A.numpy()).mean())


def test_a_concentration_of_one_is_uniform_up_to_the_border():
    a = torch.ones(3, dtype=torch.float64, requires_grad=True)
    log_theta = torch.tensor([[0.0, -torch.inf, -torch.inf], [-1.0, -2.0, -0.691]]).double()
    log_prob = Dirichlet(a).log_prob(log_theta)
    np.testing.assert_allclose(log_prob.detach().numpy(), np.log([2.0, 2.0]))  # Gamma(3) = 2
    log_prob[0].backward()
    assert not a.grad.isnan().any()


def test_gradient_of_the_density_to_the_concentration():
    a = torch.tensor([0.5, 1.0, 1.0], dtype=torch.float64, requires_grad=True)
    log_theta = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64).log()
    Dirichlet(a).log_prob(log_theta).sum().backward()
    values = a.detach().numpy()
    expected = digamma(values.sum()) - digamma(values) + log_theta[0].numpy()
    np.testing.assert_allclose(a.grad.numpy(), expected, rtol=1e-12)


# with a gradient wanted, torch's gamma sampler draws; without, the operator
@pytest.mark.parametrize("wants_gradient", [False, True])
def test_marginals_are_beta(wants_gradient):
    torch.manual_seed(3)
    theta = Dirichlet(A.clone().requires_grad_(wants_gradient)).rsample(4000).detach().exp()
    np.testing.assert_allclose(theta.sum(1).numpy(), 1.0, rtol=1e-12)
    for k in range(3):
        marginal = stats.beta(A[k], A.sum() - A[k])
        assert stats.kstest(theta[:, k].numpy(), marginal.cdf).pvalue > 1e-3
    # Cov(theta_1, theta_2) = -a_1 a_2 / (A^2 (A + 1))
    total = A.sum().item()
    products = (theta[:, 0] - A[0] / total) * (theta[:, 2] - A[2] / total)
    error = 4 * products.std().item() / np.sqrt(4000)
    assert abs(products.mean().item() + (A[0] * A[2]).item() / (total**2 * (total + 1))) < error


@pytest.mark.parametrize("wants_gradient", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tiny_concentrations_stay_finite_in_log_space(dtype, wants_gradient):
    torch.manual_seed(4)
    a = torch.full((5,), 1e-3, dtype=dtype, requires_grad=wants_gradient)
    log_theta = Dirichlet(a).rsample(20_000)
    assert log_theta.dtype == dtype
    assert log_theta.isfinite().all()
    np.testing.assert_allclose(log_theta.detach().logsumexp(-1).numpy(), 0.0, atol=1e-5)
    # E log theta_k = psi(a) - psi(K a), about -800; the sample's own error says how near
    column = log_theta[:, 0].detach().double()
    error = 4 * column.std().item() / np.sqrt(len(column))
    assert abs(column.mean().item() - (digamma(1e-3) - digamma(5e-3))) < error
    # each topic wins a fifth of the draws: no spurious uniform rows
    assert (log_theta.detach().max(-1).values > np.log(0.99)).float().mean() > 0.97
    wins = log_theta.argmax(-1).bincount(minlength=5).numpy()
    assert stats.chisquare(wins).pvalue > 1e-3


@pytest.mark.parametrize("a", [[1e-3, 1e-3, 1e-3], [0.3, 1.0, 4.0]])
def test_gradient_of_the_mean_of_log_theta(a):
    """d E[log theta_k] / d a_j = psi'(a_k) [j = k] - psi'(A), within 4 standard errors."""
    torch.manual_seed(5)
    a = np.array(a)
    rows = torch.tensor(a).expand(20_000, 3).clone().requires_grad_()
    Dirichlet(rows).rsample()[:, 0].sum().backward()
    expected = polygamma(1, a) * [1, 0, 0] - polygamma(1, a.sum())
    error = 4 * rows.grad.std(0).numpy() / np.sqrt(len(rows))
    assert (np.abs(rows.grad.mean(0).numpy() - expected) < error).all()
    assert (error < 0.2 * np.abs(expected).max()).all()  # the bound is worth something


def test_gradient_of_a_second_moment():
    """E theta_1^2 = a_1 (a_1 + 1) / (A (A + 1)), differentiated by hand."""
    torch.manual_seed(6)
    a = A.clone().requires_grad_()
    exact = a[0] * (a[0] + 1) / (a.sum() * (a.sum() + 1))
    (expected,) = torch.autograd.grad(exact, a)
    rows = A.expand(20_000, 3).clone().requires_grad_()
    Dirichlet(rows).rsample()[:, 0].mul(2).exp().sum().backward()
    error = 4 * rows.grad.std(0) / len(rows) ** 0.5
    assert ((rows.grad.mean(0) - expected).abs() < error).all()


def test_shapes():
    assert Dirichlet(A).rsample().shape == (3,)
    assert Dirichlet(A).rsample(0).shape == (0, 3)
    assert Dirichlet(A.expand(4, 3)).rsample().shape == (4, 3)
    assert Dirichlet(A.expand(4, 3)).rsample(2).shape == (2, 4, 3)
