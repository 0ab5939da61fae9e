"""Which KL estimator runs, and the Monte Carlo one against the closed form."""

import pytest
import torch

from topicforge.contracts import Latent, Pair, Samples
from topicforge.distributions import (
    DiagonalNormal,
    Dirichlet,
    Distribution,
    LogisticNormal,
    NormalMixture,
    Point,
)
from topicforge.errors import MixError, OptionError
from topicforge.parts.divergences import KL_RULES, KlDivergence
from topicforge.registry.rule_table import RuleTable

TABLE = RuleTable(KL_RULES)


class Sampled(Distribution):
    """A plugin's distribution without a density."""

    space = "z"


def pair(q, p, *, softmax_link=True, reparameterised=True):
    def lookup(q, p):
        return TABLE.lookup("kl", q, p)

    return Pair(Latent(q, reparameterised), Latent(p, trainable=False), softmax_link, lookup)


def test_auto_runs_the_registered_rule():
    for spec in KL_RULES:
        assert KlDivergence().resolve(pair(spec.posterior, spec.prior)) is spec.rule


def test_nothing_falls_back_to_sampling():
    with pytest.raises(
        MixError, match=r"no KL rule is registered for \(Dirichlet, DiagonalNormal\)"
    ):
        KlDivergence().resolve(pair(Dirichlet, DiagonalNormal))


@pytest.mark.parametrize("estimator", ["auto", "monte-carlo"])
def test_a_point_has_no_kl(estimator):
    with pytest.raises(MixError, match="infinite"):
        KlDivergence(estimator=estimator).resolve(pair(Point, DiagonalNormal))


def test_the_laplace_rule_needs_the_plain_softmax():
    with pytest.raises(MixError, match="link='softmax'"):
        KlDivergence().resolve(pair(DiagonalNormal, Dirichlet, softmax_link=False))
    # the logistic normal is the softmax of its normal already
    KlDivergence().resolve(pair(LogisticNormal, Dirichlet, softmax_link=False))


@pytest.mark.parametrize(
    ("q", "p", "flags", "message"),
    [
        (DiagonalNormal, Dirichlet, {}, "posterior lives in z and the prior in theta"),
        (Sampled, DiagonalNormal, {}, "the posterior's Sampled has none"),
        (DiagonalNormal, Sampled, {}, "the prior's Sampled has none"),
        (DiagonalNormal, NormalMixture, {"reparameterised": False}, "reparameterised"),
    ],
)
def test_what_monte_carlo_needs(q, p, flags, message):
    with pytest.raises(MixError, match=message):
        KlDivergence(estimator="monte-carlo").resolve(pair(q, p, **flags))


@pytest.mark.parametrize("n_samples", [1, 4])
def test_monte_carlo_agrees_with_the_closed_form(n_samples):
    torch.manual_seed(0)
    rows = 8000
    q = DiagonalNormal(torch.tensor([[1.0, -0.5]]).expand(rows, 2), torch.full((rows, 2), -0.4))
    p = DiagonalNormal(torch.zeros(2), torch.zeros(2))
    rule = KlDivergence(estimator="monte-carlo", n_samples=n_samples).resolve(
        pair(DiagonalNormal, DiagonalNormal)
    )
    assert (rule.exactness, rule.space, rule.per_document) == ("Monte Carlo", "z", True)
    assert f"over {n_samples} sample" in rule.summary
    z = q.rsample()
    got = rule.compute(q, p, Samples(z, z, None))
    assert got.shape == (rows,)
    exact = KL_RULES[0].rule.compute(q, p, None)[0].item()
    assert abs(got.mean().item() - exact) < 4 * got.std().item() / rows**0.5
    # log q - log p = 1/2 (s2 - 1) eps^2 + m s eps + ... a coordinate, of variance
    # 1/2 (s2 - 1)^2 + m^2 s2; the mean of n samples has an n-th of it
    s2 = torch.tensor(-0.4).exp().item()
    variance = 2 * (s2 - 1) ** 2 / 2 + (1 + 0.25) * s2
    assert got.var().item() == pytest.approx(variance / n_samples, rel=0.1)


def test_the_first_sample_is_the_one_the_decoder_sees():
    q = DiagonalNormal(torch.zeros(1, 2), torch.zeros(1, 2))
    p = DiagonalNormal(torch.ones(2), torch.zeros(2))
    rule = KlDivergence(estimator="monte-carlo").resolve(pair(DiagonalNormal, DiagonalNormal))
    z = torch.tensor([[2.0, 0.0]])
    # log q - log p = 1/2 (|z - 1|^2 - |z|^2) = (2 - 4) / 2
    assert rule.compute(q, p, Samples(z, z, None)).item() == pytest.approx(-1.0)


def test_monte_carlo_in_theta_and_its_gradient():
    torch.manual_seed(0)
    a = torch.tensor([0.8, 2.0, 1.5], dtype=torch.float64)
    rows = a.expand(20_000, 3).clone().requires_grad_()
    q, p = Dirichlet(rows), Dirichlet(torch.ones(3, dtype=torch.float64))
    rule = KlDivergence(estimator="monte-carlo").resolve(pair(Dirichlet, Dirichlet))
    assert rule.space == "theta"
    z = q.rsample()
    got = rule.compute(q, p, Samples(z, z, None))
    got.sum().backward()
    exact_a = a[None].clone().requires_grad_()
    exact = TABLE.lookup("kl", Dirichlet, Dirichlet).rule.compute(Dirichlet(exact_a), p, None)
    exact.backward()
    rows_root = len(rows) ** 0.5
    assert abs(got.mean() - exact).item() < 4 * got.std().item() / rows_root
    assert ((rows.grad.mean(0) - exact_a.grad).abs() < 4 * rows.grad.std(0) / rows_root).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "montecarlo"}, "Did you mean 'monte-carlo'"),
        ({"n_samples": 0}, "'n_samples' must be a whole number, at least 1"),
        ({"n_samples": 1.5}, "'n_samples'"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(OptionError, match=rf"divergence 'kl': .*{message}"):
        KlDivergence(**options)
