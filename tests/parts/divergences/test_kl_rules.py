"""Each KL rule against torch.distributions, hand-worked values or Monte Carlo."""

import math

import numpy as np
import pytest
import torch
from torch import distributions as td

from topicforge.contracts import Samples
from topicforge.distributions import DiagonalNormal, Dirichlet, LogisticNormal, NormalMixture
from topicforge.parts.divergences import KL_RULES
from topicforge.parts.divergences.kl_rules import (
    kl_dirichlet_dirichlet,
    kl_logistic_dirichlet,
    kl_normal_dirichlet,
    kl_normal_mixture,
    kl_normal_normal,
    laplace_approximation,
)


def tensor(*values):
    """Numbers make a vector, lists a matrix."""
    return torch.tensor(values, dtype=torch.float64)


def normal(rows=5, width=3):
    return DiagonalNormal(
        torch.randn(rows, width, dtype=torch.float64), torch.randn(rows, width, dtype=torch.float64)
    )


def at(z):
    return Samples(z, z, None)


def test_the_table_names_each_rule_once_and_truly():
    rules = {(spec.posterior, spec.prior): spec for spec in KL_RULES}
    assert len(rules) == len(KL_RULES) == 5
    expected = {
        (DiagonalNormal, DiagonalNormal): (kl_normal_normal, "closed form", "z", False),
        (DiagonalNormal, Dirichlet): (kl_normal_dirichlet, "approximation", "z", True),
        (LogisticNormal, Dirichlet): (kl_logistic_dirichlet, "approximation", "z", False),
        (Dirichlet, Dirichlet): (kl_dirichlet_dirichlet, "closed form", "theta", False),
        (DiagonalNormal, NormalMixture): (kl_normal_mixture, "bound", "z", False),
    }
    for pair, spec in rules.items():
        rule = spec.rule
        came = (rule.compute, rule.exactness, rule.space, spec.needs_softmax_link)
        assert came == expected[pair]
        assert rule.per_document
        assert spec.divergence == "kl"


def test_two_normals_are_torchs():
    torch.manual_seed(0)
    q, p = normal(), DiagonalNormal(tensor(0.5, -1, 0), tensor(0.2, -0.7, 1))
    expected = td.kl_divergence(
        td.Normal(q.loc, (q.log_var / 2).exp()), td.Normal(p.loc, (p.log_var / 2).exp())
    ).sum(1)
    torch.testing.assert_close(kl_normal_normal(q, p, None), expected)


def test_survey_equation_6():
    """KL to N(0, I) = 1/2 sum (mu^2 + s2 - 1 - log s2); for mu = 1, s2 = e: e / 2 - 1/2."""
    q = DiagonalNormal(tensor([1.0]), tensor([1.0]))
    p = DiagonalNormal(torch.zeros(1).double(), torch.zeros(1).double())
    assert kl_normal_normal(q, p, None).item() == pytest.approx((1 + math.e - 1 - 1) / 2)


def test_two_dirichlets_are_torchs():
    torch.manual_seed(0)
    a = torch.rand(6, 4, dtype=torch.float64) * 3 + 0.01
    b = torch.tensor([0.1, 1.0, 2.0, 0.02], dtype=torch.float64)
    expected = td.kl_divergence(td.Dirichlet(a), td.Dirichlet(b.expand(6, 4)))
    torch.testing.assert_close(kl_dirichlet_dirichlet(Dirichlet(a), Dirichlet(b), None), expected)


def test_two_dirichlets_by_monte_carlo():
    torch.manual_seed(1)
    q, p = Dirichlet(tensor(0.5, 2.0, 1.0)), Dirichlet(tensor(1.0, 1.0, 0.3))
    log_theta = q.rsample(40_000)
    ratio = q.log_prob(log_theta) - p.log_prob(log_theta)
    exact = kl_dirichlet_dirichlet(Dirichlet(q.concentration[None]), p, None).item()
    assert abs(ratio.mean().item() - exact) < 4 * ratio.std().item() / 200


@pytest.mark.parametrize("rule", [kl_dirichlet_dirichlet, kl_normal_normal])
def test_kl_to_itself_is_zero(rule):
    torch.manual_seed(0)
    p = normal(1) if rule is kl_normal_normal else Dirichlet(tensor([0.3, 2.0, 0.01]))
    assert abs(rule(p, p, None).item()) < 1e-12


def test_laplace_approximation_by_hand():
    """a = (1, 2, 4): mean log = log 2; sum 1/a = 7/4; s2_k = (1/3) / a_k + 7/36."""
    p = laplace_approximation(Dirichlet(tensor(1.0, 2.0, 4.0)))
    np.testing.assert_allclose(p.loc.numpy(), [-math.log(2), 0, math.log(2)], atol=1e-15)
    variance = [1 / 3 + 7 / 36, 1 / 6 + 7 / 36, 1 / 12 + 7 / 36]
    np.testing.assert_allclose(p.log_var.exp().numpy(), variance, rtol=1e-12)


def test_laplace_approximation_of_a_symmetric_dirichlet():
    """mean 0, variance (1 - 1/K) / a: for K = 50, a = 0.02 that is 49."""
    p = laplace_approximation(Dirichlet(torch.full((50,), 0.02, dtype=torch.float64)))
    np.testing.assert_allclose(p.loc.numpy(), 0.0, atol=1e-14)
    np.testing.assert_allclose(p.log_var.exp().numpy(), 49.0, rtol=1e-12)


def test_laplace_approximation_of_two_topics_keeps_only_the_shared_term():
    p = laplace_approximation(Dirichlet(tensor(0.5, 2.0)))
    np.testing.assert_allclose(p.log_var.exp().numpy(), (2 + 0.5) / 4, rtol=1e-12)


def test_laplace_approximation_of_one_topic_is_the_standard_normal():
    p = laplace_approximation(Dirichlet(tensor(0.1)))
    assert (p.loc.item(), p.log_var.item()) == (0.0, 0.0)
    q = DiagonalNormal(tensor([2.0]), tensor([0.0]))
    assert kl_normal_dirichlet(q, Dirichlet(torch.ones(1).double()), None).item() == 2.0


def test_laplace_kl_is_the_normal_kl_for_both_posteriors():
    torch.manual_seed(0)
    q, p = normal(), Dirichlet(tensor(0.1, 1.0, 3.0))
    expected = kl_normal_normal(q, laplace_approximation(p), None)
    torch.testing.assert_close(kl_normal_dirichlet(q, p, None), expected)
    logistic = LogisticNormal(q.loc, q.log_var)
    torch.testing.assert_close(kl_logistic_dirichlet(logistic, p, None), expected)


def mixture():
    return NormalMixture(
        tensor([0.0, 0.0], [2.0, -1.0], [0.5, 3.0]),
        tensor([0.0, 0.3], [-0.5, 0.0], [0.2, 0.2]),
        tensor(0.5, 0.3, 0.2).log(),
    )


def test_vade_bound_by_hand_in_one_dimension():
    """Two components at 0 and 1, unit variances, pi = 1/2; q = N(0, 1), z = 1/2.

    z is halfway, so eta = 1/2 each and log(pi / eta) = 0. Eq. 17:
    1/2 * 1/2 [(0 + 1 + 0) + (0 + 1 + 1)] - 0 - 1/2 (1 + 0) = 3/4 - 1/2 = 1/4.
    """
    p = NormalMixture(tensor([0.0], [1.0]), tensor([0.0], [0.0]), tensor(0.5, 0.5).log())
    q = DiagonalNormal(tensor([0.0]), tensor([0.0]))
    assert kl_normal_mixture(q, p, at(tensor([0.5]))).item() == pytest.approx(0.25)


def test_vade_bound_follows_equation_17_term_by_term():
    torch.manual_seed(0)
    q, p = normal(4, 2), mixture()
    z = q.rsample()
    got = kl_normal_mixture(q, p, at(z))
    for b in range(4):
        density = [
            math.exp(p.log_weight[c])
            * math.prod(
                math.exp(-((z[b, j] - p.loc[c, j]) ** 2) / (2 * math.exp(p.log_var[c, j])))
                / math.sqrt(2 * math.pi * math.exp(p.log_var[c, j]))
                for j in range(2)
            )
            for c in range(3)
        ]
        eta = [d / sum(density) for d in density]
        expected = -0.5 * sum(1 + q.log_var[b, j].item() for j in range(2))
        for c in range(3):
            expected -= eta[c] * math.log(math.exp(p.log_weight[c]) / eta[c])
            for j in range(2):
                variance = math.exp(p.log_var[c, j])
                spread = math.exp(q.log_var[b, j]) + (q.loc[b, j] - p.loc[c, j]).item() ** 2
                expected += 0.5 * eta[c] * (p.log_var[c, j].item() + spread / variance)
        assert got[b].item() == pytest.approx(expected, rel=1e-10)


def test_vade_bound_is_above_the_kl():
    """Averaged over z it bounds KL(q || p) from above, the KL by 40,000 samples."""
    torch.manual_seed(2)
    p = mixture()
    for loc, log_var in (
        ([1.0, 0.0], [0.0, 0.0]),
        ([0.0, 3.0], [-2.0, -1.0]),
        ([9.0, 9.0], [1.0, 1.0]),
    ):
        q = DiagonalNormal(tensor(loc), tensor(log_var))
        z = q.rsample(40_000)[:, 0]
        kl = q.log_prob(z) - p.log_prob(z)
        many = DiagonalNormal(q.loc.expand(40_000, 2), q.log_var.expand(40_000, 2))
        bound = kl_normal_mixture(many, p, at(z))
        error = 4 * (kl.std() + bound.std()).item() / 200
        assert bound.mean().item() > kl.mean().item() - error
        # with the best fixed eta the gap is at most the mixture's entropy, log 3
        assert bound.mean().item() < kl.mean().item() + math.log(3) + error


def test_vade_bound_of_one_component_is_the_exact_kl():
    torch.manual_seed(0)
    q = normal(5, 2)
    p = NormalMixture(tensor([2.0, -1.0]), tensor([-0.5, 0.3]), torch.zeros(1).double())
    exact = kl_normal_normal(q, DiagonalNormal(p.loc[0], p.log_var[0]), None)
    torch.testing.assert_close(kl_normal_mixture(q, p, at(q.rsample())), exact)


def test_rules_are_differentiable_in_both_sides():
    torch.manual_seed(0)
    loc, log_var = (torch.randn(3, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    other = [torch.randn(2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    a, b = (
        (torch.rand(shape, dtype=torch.float64) + 0.2).requires_grad_() for shape in ((3, 2), (2,))
    )
    check = torch.autograd.gradcheck
    assert check(
        lambda m, v, n, w: kl_normal_normal(DiagonalNormal(m, v), DiagonalNormal(n, w), None),
        (loc, log_var, *other),
    )
    assert check(lambda a, b: kl_dirichlet_dirichlet(Dirichlet(a), Dirichlet(b), None), (a, b))
    assert check(
        lambda m, v, b: kl_normal_dirichlet(DiagonalNormal(m, v), Dirichlet(b), None),
        (loc, log_var, b),
    )


@pytest.mark.parametrize("rows", [0, 1])
def test_any_number_of_documents(rows):
    q = normal(rows, 2)
    flat = DiagonalNormal(torch.zeros(2).double(), torch.zeros(2).double())
    assert kl_normal_normal(q, flat, None).shape == (rows,)
    assert kl_normal_mixture(q, mixture(), at(q.rsample())).shape == (rows,)
    d = Dirichlet(torch.ones(rows, 2))
    assert kl_dirichlet_dirichlet(d, Dirichlet(torch.ones(2)), None).shape == (rows,)
