"""The Sinkhorn divergence against closed forms and against another library's converged plans."""

import math

import numpy as np
import ot
import pytest
import torch
from scipy.stats import norm

from topicforge_sinkhorn.costs import on_sphere, squared_arc, squared_euclidean
from topicforge_sinkhorn.sinkhorn import relative_epsilon, sinkhorn_divergence


def plan(x, y, cost, e):
    """POT's log-domain iteration, run until the marginals hold to 1e-9 (else it warns)."""
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    c = cost(x, y).detach().numpy()
    return torch.from_numpy(ot.bregman.sinkhorn_log(a, b, c, e, numItermax=20_000))


def converged(x, y, cost, e):
    """S from converged plans."""

    def transport(u, v):
        p = plan(u, v, cost, e)
        return (p * cost(u, v)).sum() + e * (p * (p * len(u) * len(v)).log()).sum()

    return transport(x, y) - transport(x, x) / 2 - transport(y, y) / 2


def clouds(n, m, width, kind):
    torch.manual_seed(0)
    x = 0.7 * torch.randn(n, width, dtype=torch.float64) + 0.5
    y = torch.randn(m, width, dtype=torch.float64)
    if kind is squared_arc:
        x, y = (on_sphere(torch.log_softmax(2 * side, -1)) for side in (x, y))
    return x, y


@pytest.mark.parametrize("cost", [squared_euclidean, squared_arc])
@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("sizes", [(30, 30), (20, 25)])
def test_against_converged_plans(cost, share, sizes):
    x, y = clouds(*sizes, 5, cost)
    e = relative_epsilon(x, y, cost, share)
    got = sinkhorn_divergence(x, y, cost, e, scaling=0.99).item()
    # the descent by steps of 1 % ends this near to the fixed point; the default's is coarser
    assert got == pytest.approx(converged(x, y, cost, e).item(), rel=1e-3)
    assert sinkhorn_divergence(x, y, cost, e).item() == pytest.approx(got, rel=0.05)


@pytest.mark.parametrize("e", [0.2, 1.0, 5.0])
def test_gaussians_on_a_line(e):
    """Entropic transport between N(a, A) and N(b, B) is known (Janati et al. 2020, theorem 1).

    With s = e / 2 and D(A, B) = sqrt(4 A B + s^2), what doesn't cancel in S is (a - b)^2 -
    [D(A, B) - s log(D(A, B) + s)] + half the same of (A, A) and of (B, B).
    """

    def part(a, b):
        d = math.sqrt(4 * a * b + (e / 2) ** 2)
        return d - e / 2 * math.log(d + e / 2)

    levels = torch.from_numpy(norm.ppf((np.arange(400) + 0.5) / 400))
    levels = levels / levels.square().mean().sqrt()
    x, y = (levels * 0.5 + 1.0)[:, None], (levels * 1.5)[:, None]
    expected = 1.0 - part(0.25, 2.25) + part(0.25, 0.25) / 2 + part(2.25, 2.25) / 2
    got = sinkhorn_divergence(x, y, squared_euclidean, e, scaling=0.95).item()
    # 400 levels cut the tails off at 3 deviations, some 0.3 % of a Gaussian's fourth moment
    assert got == pytest.approx(expected, rel=5e-3)


def test_both_limits():
    """As e falls S tends to W_2^2, on a line that of sorted points; as e grows to |mean - mean|^2."""
    x = torch.tensor([[0.0], [1.0], [4.0]], dtype=torch.float64)
    y = torch.tensor([[9.0], [2.0], [2.5]], dtype=torch.float64)
    # sorted: 0-2, 1-2.5, 4-9: (4 + 2.25 + 25) / 3
    sharp = sinkhorn_divergence(x, y, squared_euclidean, 1e-3, scaling=0.9).item()
    assert sharp == pytest.approx(31.25 / 3, abs=2e-3)
    # means 5/3 and 4.5
    wide = sinkhorn_divergence(x, y, squared_euclidean, 1e6).item()
    assert wide == pytest.approx((5 / 3 - 4.5) ** 2, rel=1e-4)


def test_two_points_by_hand():
    """X = {0}, y = {-1, 1}: one plan only, <P, C> = 1 and KL = 0; OT(y, y) has one free number.

    On y the plan is [[p, 1/2 - p], ...] with p = 1/2 / (1 + exp(-4 / e)), so at e = 4 / log 3 p is
    3/8: <P, C> = 2 * 1/8 * 4 = 1 and KL = 3/4 log(3/2) + 1/4 log(1/2).
    """
    x = torch.zeros(1, 1, dtype=torch.float64)
    y = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    e = 4 / math.log(3)
    own = 1 + e * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    got = sinkhorn_divergence(x, y, squared_euclidean, e, scaling=0.99).item()
    assert got == pytest.approx(1 - own / 2, abs=1e-9)


@pytest.mark.parametrize("cost", [squared_euclidean, squared_arc])
def test_zero_at_equal_samples_and_symmetric(cost):
    x, y = clouds(12, 12, 4, cost)
    assert sinkhorn_divergence(x, x.clone(), cost, 0.1).item() == pytest.approx(0, abs=1e-12)
    there, back = sinkhorn_divergence(x, y, cost, 0.1), sinkhorn_divergence(y, x, cost, 0.1)
    assert there.item() == pytest.approx(back.item(), rel=1e-12)
    assert there.item() > 0.01


@pytest.mark.parametrize("cost", [squared_euclidean, squared_arc])
@pytest.mark.parametrize(("share", "scaling", "error"), [(0.1, 0.99, 0.03), (1.0, 0.7, 0.03)])
def test_gradient_against_converged_plans(cost, share, scaling, error):
    """The gradient is that of <P, C> at the converged plans, x moving on both sides of OT(x, x)."""
    x, y = clouds(20, 25, 5, cost)
    e = relative_epsilon(x, y, cost, share)
    x.requires_grad_()
    y.requires_grad_()
    exact = (plan(x, y, cost, e) * cost(x, y)).sum()
    for side in (x, y):
        exact = exact - (plan(side, side, cost, e) * cost(side, side)).sum() / 2
    expected = torch.autograd.grad(exact, (x, y))
    got = torch.autograd.grad(sinkhorn_divergence(x, y, cost, e, scaling), (x, y))
    # a descent that stops short of the fixed point; the smaller e, the finer it must be
    for g, right in zip(got, expected, strict=True):
        assert (g - right).norm() < error * right.norm()


def test_gradient_by_differences():
    """At an e of some costs' size the descent ends at the fixed point, and so exact it is."""
    x, y = clouds(5, 6, 3, squared_euclidean)
    inputs = (x.requires_grad_(), y.requires_grad_())

    def value(x, y):
        return sinkhorn_divergence(x, y, squared_euclidean, 20.0, scaling=0.95)

    assert torch.autograd.gradcheck(value, inputs, atol=1e-3)


def test_gradients_stay_switched_off():
    x, y = clouds(4, 4, 2, squared_euclidean)
    with torch.no_grad():
        value = sinkhorn_divergence(x.requires_grad_(), y, squared_euclidean, 0.5)
        assert not torch.is_grad_enabled()
    assert not value.requires_grad
    assert torch.is_grad_enabled()


def test_float32_keeps_its_digits_at_a_small_epsilon():
    """Costs of 2,000 epsilons: exp(-C / e) is 0 in float32, the log domain doesn't mind."""
    x, y = clouds(40, 40, 20, squared_euclidean)
    e = float(squared_euclidean(x, y).max()) / 2000
    narrow = sinkhorn_divergence(x.float(), y.float(), squared_euclidean, e)
    wide = sinkhorn_divergence(x, y, squared_euclidean, e)
    assert narrow.item() == pytest.approx(wide.item(), rel=1e-4)


def test_points_in_one_place_give_zero():
    x = torch.full((4, 3), 2.0, requires_grad=True)
    e = relative_epsilon(x, x, squared_euclidean, 0.05)
    assert e > 0
    value = sinkhorn_divergence(x, torch.full((4, 3), 2.0), squared_euclidean, e)
    value.backward()
    assert value.item() == 0
    assert torch.equal(x.grad, torch.zeros(4, 3))
