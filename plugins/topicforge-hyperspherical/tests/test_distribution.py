import numpy as np
import pytest
import torch
from scipy import special, stats

from topicforge_hyperspherical.angle import draw_angle, log_normaliser, resultant_defect
from topicforge_hyperspherical.distribution import VonMisesFisher, kl_von_mises_fisher


def unit(width, seed):
    return torch.nn.functional.normalize(
        torch.randn(width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)),
        dim=0,
    )


@pytest.mark.parametrize("width", [2, 3, 10, 50, 200])
@pytest.mark.parametrize("kappa", [1e-6, 0.1, 1.0, 30.0, 1e3, 1e6])
def test_mean_resultant_is_the_bessel_ratio(width, kappa):
    bottom = special.ive(width / 2 - 1, kappa)
    if bottom < 1e-290:
        pytest.skip("scipy's Bessel function underflows here")
    came = 1 - float(resultant_defect(torch.tensor(kappa, dtype=torch.float64), width))
    # 128 terms of float64, and scipy's ratio to a dozen digits
    assert came == pytest.approx(special.ive(width / 2, kappa) / bottom, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("kappa", [0.01, 1.0, 20.0, 500.0])
@pytest.mark.parametrize("width", [2, 3, 20])
def test_density_and_entropy_are_scipys(kappa, width):
    mu, z = unit(width, 0), unit(width, 1)
    q = VonMisesFisher(mu, torch.tensor(kappa, dtype=torch.float64))
    theirs = stats.vonmises_fisher(mu.numpy(), kappa)
    assert float(q.log_prob(z)) == pytest.approx(theirs.logpdf(z.numpy()), rel=1e-9)
    uniform = VonMisesFisher(mu, torch.tensor(0.0, dtype=torch.float64))
    kl = float(kl_von_mises_fisher(q, uniform, None))
    entropy = -float(uniform.log_prob(z)) - kl
    assert entropy == pytest.approx(float(np.squeeze(theirs.entropy())), rel=1e-8, abs=1e-9)


def test_kl_is_the_mean_log_ratio():
    mu, nu = unit(6, 0), unit(6, 1)
    q = VonMisesFisher(mu, torch.tensor(9.0, dtype=torch.float64))
    p = VonMisesFisher(nu, torch.tensor(4.0, dtype=torch.float64))
    z = torch.from_numpy(stats.vonmises_fisher(mu.numpy(), 9.0).rvs(40_000, random_state=0))
    ratio = q.log_prob(z) - p.log_prob(z)
    error = float(ratio.std()) / 200
    assert float(kl_von_mises_fisher(q, p, None)) == pytest.approx(
        float(ratio.mean()), abs=5 * error
    )


@pytest.mark.parametrize("kappa", [0.0, 5.0, 400.0])
def test_samples_have_the_mean(kappa):
    torch.manual_seed(0)
    q = VonMisesFisher(unit(8, 0), torch.tensor(kappa, dtype=torch.float64))
    z = q.rsample(40_000)
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(40_000, dtype=torch.float64))
    assert bool(((z.mean(0) - q.mean).abs() < 5 * z.std(0) / 200).all())


@pytest.mark.parametrize("width", [2, 3, 30])
def test_angle_gradient_is_the_implicit_one(width):
    torch.manual_seed(0)
    n, kappa, step = 20, 7.0, 1e-4
    k = torch.full((n,), kappa, dtype=torch.float64, requires_grad=True)
    angle = draw_angle(k, width)
    (came,) = torch.autograd.grad(angle.sum(), k)
    u = torch.linspace(0, 1, 20_001, dtype=torch.float64) * angle.detach()[:, None]

    def cdf(value):
        at = torch.tensor(value, dtype=torch.float64)
        density = u.sin() ** (width - 2) * (value * (u.cos() - 1)).exp()
        return torch.trapezoid(density, u, dim=-1) / log_normaliser(at, width).exp(), density[:, -1]

    z = log_normaliser(torch.tensor(kappa, dtype=torch.float64), width).exp()
    slope = (cdf(kappa + step)[0] - cdf(kappa - step)[0]) / (2 * step)
    expected = -slope / (cdf(kappa)[1] / z)
    # trapezoids of 5e-5 and a step of 1e-4: squares of both, times a tail's 1 / density
    torch.testing.assert_close(came, expected, rtol=1e-5, atol=1e-6)
