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


@pytest.mark.parametrize("alpha", [1e-3, 0.02, 0.3, 1.0, 10.0])
def test_marginals_are_beta(alpha):
    """theta_k ~ Beta(a, (K - 1) a), by that law's own distribution function."""
    torch.manual_seed(1)
    K, n = 4, 4000
    log_theta = Dirichlet(torch.full((K,), alpha, dtype=torch.float64)).rsample(n)
    law = stats.beta(alpha, (K - 1) * alpha)
    # near 1 the distribution function is a step in double precision, near 0 theta underflows
    bottom, top = law.cdf(1e-300), law.cdf(1.0 - 1e-15)
    for k in range(K):
        probability = law.cdf(log_theta[:, k].exp().numpy())
        inside = probability[probability < top]
        assert abs(len(inside) / n - top) < 5 * (top * (1 - top) / n) ** 0.5 + 1e-12
        inside = inside[inside > bottom]
        if len(inside) > 100:
            assert stats.kstest(inside, stats.uniform(bottom, top - bottom).cdf).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [1e-3, 0.02, 0.3])
def test_small_components_follow_the_power_law(alpha):
    """K = 2: near 0 Beta(a, a) is t^a / (a B(a, a)), in logs an exponential tail of rate a.

    Also far below the smallest double.
    """
    torch.manual_seed(2)
    log_theta = Dirichlet(torch.full((2,), alpha, dtype=torch.float64)).rsample(4000)
    tail = -log_theta[log_theta[:, 0] < -25.0, 0].numpy() - 25.0
    assert len(tail) > (1000 if alpha < 0.1 else 0)
    if len(tail):
        assert stats.kstest(tail, stats.expon(scale=1.0 / alpha).cdf).pvalue > 1e-3


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moments(dtype, rows):
    torch.manual_seed(3)
    alpha = torch.tensor([1e-3, 0.05, 0.5, 2.0, 10.0], dtype=dtype)
    n = 20_000
    law = Dirichlet(alpha.expand(n, 5)).rsample() if rows else Dirichlet(alpha).rsample(n)
    theta = law.exp().double()
    exact = stats.dirichlet(alpha.double().numpy())
    # the mean of n within five of its standard deviations, the covariance likewise: its entries
    # are means of bounded products
    deviation = torch.from_numpy(exact.var()).sqrt()
    assert ((theta.mean(0) - torch.from_numpy(exact.mean())).abs() < 5 * deviation / n**0.5).all()
    assert torch.allclose(torch.cov(theta.T), torch.from_numpy(exact.cov()), atol=5 / n**0.5 * 0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("alpha", [1e-30, 1e-3, 1e8])
def test_rows_are_normalised_at_any_concentration(dtype, alpha):
    torch.manual_seed(7)
    log_theta = Dirichlet(torch.full((7,), alpha, dtype=dtype)).rsample(500)
    assert log_theta.dtype == dtype
    assert log_theta.isfinite().all()
    assert (log_theta <= 0).all()
    assert torch.logsumexp(log_theta, 1).abs().max() < 10 * torch.finfo(dtype).eps
    if alpha < 1e-2:  # one component has all but nothing; which one is uniform
        winners = log_theta.argmax(1).bincount(minlength=7)
        assert stats.chisquare(winners.numpy()).pvalue > 1e-3


def test_the_global_generator_decides():
    law = Dirichlet(torch.full((5,), 0.1))
    torch.manual_seed(6)
    first, second = law.rsample(20), law.rsample(20)
    torch.manual_seed(6)
    assert torch.equal(law.rsample(20), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tiny_concentrations_stay_finite_in_log_space(dtype):
    torch.manual_seed(4)
    a = torch.full((5,), 1e-3, dtype=dtype, requires_grad=True)
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
