"""softmax of a diagonal normal: its density integrates to one over the simplex."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from topicforge.distributions import LogisticNormal


def of(loc, log_var):
    return LogisticNormal(
        torch.tensor(loc, dtype=torch.float64), torch.tensor(log_var, dtype=torch.float64)
    )


def density(distribution, *free):
    theta = torch.tensor([[*free, 1 - sum(free)]], dtype=torch.float64)
    return distribution.log_prob(theta.log()).exp().item()


def test_two_parts_integrate_to_one():
    p = of([0.5, -0.3], [0.2, -1.0])
    # the integrand vanishes at both ends; 1e-9 is what quad reports as its own error
    assert integrate.quad(lambda t: density(p, t), 0, 1)[0] == pytest.approx(1, abs=1e-7)


def test_three_parts_integrate_to_one():
    p = of([0.5, -0.3, 0.1], [0.0, -0.5, 0.4])
    # midpoint rule on a triangle grid: its error falls with the square of 1/150
    edge = (np.arange(150) + 0.5) / 150
    first, second = (m.ravel() for m in np.meshgrid(edge, edge))
    first, second = first, second * (1 - first)  # the square onto the triangle, Jacobian 1 - first
    theta = torch.tensor(np.stack([first, second, 1 - first - second], 1))
    value = (p.log_prob(theta.log()).exp().numpy() * (1 - first)).mean()
    assert value == pytest.approx(1, abs=1e-4)


def test_two_parts_are_a_logit_normal():
    """logit(theta_1) ~ N(loc_1 - loc_2, var_1 + var_2), density in theta_1."""
    p = of([0.5, -0.3], [0.2, -1.0])
    t = np.linspace(0.01, 0.99, 9)
    scale = np.sqrt(np.exp(0.2) + np.exp(-1.0))
    expected = stats.norm(0.8, scale).logpdf(np.log(t / (1 - t))) - np.log(t * (1 - t))
    theta = torch.tensor(np.stack([t, 1 - t], 1))
    np.testing.assert_allclose(p.log_prob(theta.log()).numpy(), expected, rtol=1e-11)


def test_any_number_of_parts_against_the_dense_gaussian_of_log_ratios():
    """log(theta_k / theta_K) is normal with the covariance of differences (Aitchison 1980)."""
    rng = np.random.default_rng(0)
    loc, log_var = rng.normal(size=5), rng.normal(size=5)
    theta = rng.dirichlet(np.ones(5), size=7)
    ratios = np.log(theta[:, :-1] / theta[:, -1:])
    covariance = np.diag(np.exp(log_var[:-1])) + np.exp(log_var[-1])
    normal = stats.multivariate_normal(loc[:-1] - loc[-1], covariance)
    expected = normal.logpdf(ratios) - np.log(theta).sum(1)
    got = of(loc, log_var).log_prob(torch.tensor(theta).log())
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-10)


def test_a_common_shift_of_the_means_changes_nothing():
    log_theta = torch.tensor([[0.2, 0.5, 0.3]]).log()
    near = LogisticNormal(torch.tensor([0.5, -0.3, 0.1]), torch.tensor([0.0, -0.5, 0.4]))
    far = LogisticNormal(near.base.loc + 1024, near.base.log_var)
    # float32 rounds the shifted means to 1e-4 already; expanding the square would lose units
    torch.testing.assert_close(far.log_prob(log_theta), near.log_prob(log_theta), atol=1e-3, rtol=0)


def test_samples_follow_it():
    torch.manual_seed(0)
    log_theta = of([0.5, -0.3, 2.0], [0.2, -1.0, 0.0]).rsample(4000)
    np.testing.assert_allclose(log_theta.logsumexp(-1).numpy(), 0, atol=1e-12)
    ratio = (log_theta[:, 0] - log_theta[:, 1]).numpy()
    normal = stats.norm(0.8, np.sqrt(np.exp(0.2) + np.exp(-1.0)))
    assert stats.kstest(ratio, normal.cdf).pvalue > 1e-3


def test_one_part_is_certain():
    p = of([3.0], [1.0])
    assert p.log_prob(torch.zeros(1, 1, dtype=torch.float64)).item() == pytest.approx(0, abs=1e-12)
    assert p.rsample(2).tolist() == [[0.0], [0.0]]


def test_a_posterior_and_its_gradients():
    torch.manual_seed(0)
    loc = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    log_var = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    value = torch.log_softmax(torch.randn(4, 3, dtype=torch.float64), -1)
    assert LogisticNormal(loc, log_var).rsample().shape == (4, 3)
    torch.testing.assert_close(LogisticNormal(loc, log_var).mean.exp(), torch.softmax(loc, -1))

    def density_and_sample(loc, log_var):
        torch.manual_seed(1)
        q = LogisticNormal(loc, log_var)
        return q.log_prob(value), q.rsample()

    assert torch.autograd.gradcheck(density_and_sample, (loc, log_var))
