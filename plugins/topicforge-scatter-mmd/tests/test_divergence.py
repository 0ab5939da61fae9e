"""The divergence: which space, which pairs, and whether it is a divergence."""

import pytest
import torch
from topicforge import TopicModel
from topicforge.plugin import (
    DiagonalNormal,
    Dirichlet,
    MixError,
    NormalMixture,
    OptionError,
    Point,
    Samples,
)

from topicforge_scatter_mmd import NATIVE, WHY, imq_mmd_reference
from topicforge_scatter_mmd.divergence import ScatterMmdDivergence

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Softmax(torch.nn.Module):
    def forward(self, z):
        return torch.log_softmax(z, -1)


def drawn(z):
    return Samples(z=z, log_theta=torch.log_softmax(z, -1), link=Softmax())


def normal(width, loc=0.0):
    return DiagonalNormal(torch.full((width,), loc), torch.zeros(width))


def dirichlet(width):
    return Dirichlet(torch.full((width,), 0.1))


@pytest.mark.parametrize(
    ("posterior", "prior", "space", "where"),
    [
        (DiagonalNormal, DiagonalNormal, "auto", "z"),
        (Point, NormalMixture, "auto", "z"),
        (DiagonalNormal, DiagonalNormal, "theta", "theta"),
        (DiagonalNormal, Dirichlet, "auto", "theta"),
        (Dirichlet, Dirichlet, "auto", "theta"),
    ],
)
def test_space(pair, posterior, prior, space, where):
    rule = ScatterMmdDivergence(space=space).resolve(pair(posterior, prior))
    assert (rule.space, rule.exactness, rule.per_document) == (where, "sample estimate", False)


def test_summary_names_form_and_implementation(pair):
    summary = ScatterMmdDivergence(unbiased=False, impl="reference").resolve(pair()).summary
    assert summary == "biased MMD^2, sum of 7 inverse multiquadrics; plain PyTorch, as asked for"
    summary = ScatterMmdDivergence().resolve(pair()).summary
    told = "own C++ operator on the CPU" if NATIVE else f"because {WHY}"
    assert told in summary


def test_z_is_refused_where_a_side_is_on_the_simplex(pair):
    with pytest.raises(MixError, match="use divergence__space='theta' instead"):
        ScatterMmdDivergence(space="z").resolve(pair(prior=Dirichlet))


def test_pairs_without_gradient_are_refused(pair):
    with pytest.raises(MixError, match="encoder would get no gradient"):
        ScatterMmdDivergence().resolve(pair(reparameterised=False))
    learned = {"trainable": True, "reparameterised": False}
    with pytest.raises(MixError, match="prior__learn='components'"):
        ScatterMmdDivergence().resolve(pair(prior=NormalMixture, prior_flags=learned))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"space": "x"}, "'space' must be one of auto, z, theta, got 'x'"),
        ({"impl": "cuda"}, "'impl' must be one of"),
        ({"scales": ()}, "'scales' must be one or more numbers"),
        ({"scales": 1.0}, "'scales' must be"),
        ({"scales": (1.0, float("nan"))}, "'scales' must be"),
        ({"scales": (True,)}, "'scales' must be"),
        ({"unbiased": 1}, "'unbiased' must be True or False, got 1"),
    ],
)
def test_options_are_checked(options, match):
    with pytest.raises(OptionError, match=match):
        ScatterMmdDivergence(**options)


def test_in_z_it_is_the_formula_with_widths_2_l(pair):
    z = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    rule = ScatterMmdDivergence().resolve(pair())
    torch.manual_seed(1)
    came = rule.compute(None, normal(6, 0.5), drawn(z))
    torch.manual_seed(1)
    y = normal(6, 0.5).rsample(20)
    want = imq_mmd_reference(z.double(), y.double(), 12 * torch.tensor(SCALES).double(), True)
    assert came.item() == pytest.approx(want.item(), abs=1e-5)  # float32


@pytest.mark.parametrize("prior", [dirichlet(6), normal(6)], ids=["dirichlet", "normal"])
def test_in_theta_it_is_the_formula_with_widths_2(pair, prior):
    z = torch.randn(20, 6, generator=torch.Generator().manual_seed(2))
    rule = ScatterMmdDivergence(space="theta").resolve(pair(prior=type(prior)))
    torch.manual_seed(1)
    came = rule.compute(None, prior, drawn(z))
    torch.manual_seed(1)
    log_y = prior.rsample(20)
    y = (log_y if prior.space == "theta" else log_y.log_softmax(-1)).exp()
    widths = 2 * torch.tensor(SCALES).double()
    want = imq_mmd_reference(z.softmax(-1).double(), y.double(), widths, True)
    assert came.item() == pytest.approx(want.item(), abs=1e-5)  # float32


def test_small_between_equals_and_grows_with_the_shift(pair):
    rule = ScatterMmdDivergence().resolve(pair())
    torch.manual_seed(3)
    values = [
        rule.compute(None, normal(4), drawn(torch.randn(400, 4) + shift)).item()
        for shift in (0.0, 0.5, 1.0, 2.0)
    ]
    # U-statistic of equal sides: standard error about S / n = 7 / 400
    assert abs(values[0]) < 3 * 7 / 400
    assert values == sorted(values)
    assert values[-1] > 0.5


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("space", ["z", "theta"])
def test_batches_of_none_and_of_one(pair, n, space):
    z = torch.randn(n, 4, generator=torch.Generator().manual_seed(4)).requires_grad_()
    value = ScatterMmdDivergence(space=space).resolve(pair()).compute(None, normal(4), drawn(z))
    value.backward()
    assert value.shape == ()
    assert torch.isfinite(value)
    assert z.grad.shape == (n, 4)
    assert n or value.item() == 0


def counts():
    generator = torch.Generator().manual_seed(5)
    return torch.poisson(torch.full((60, 30), 0.7), generator=generator).add(1).numpy()


@pytest.mark.parametrize(
    "mix",
    [
        {"encoder": "mlp", "prior": "gaussian"},
        {"encoder": "mlp-point", "prior": "dirichlet"},
        {"encoder": "mlp-dirichlet", "prior": "dirichlet", "link": "simplex"},
    ],
    ids=lambda mix: mix["encoder"],
)
def test_trains_in_a_mix_found_by_name(mix):
    model = TopicModel(
        **mix, divergence="scatter-mmd", decoder="mixture", n_topics=4, epochs=2, seed=0
    ).fit(counts())
    theta = model.transform(counts())
    assert theta.shape == (60, 4)
    torch.testing.assert_close(torch.as_tensor(theta).sum(1), torch.ones(60))


def test_native_and_reference_train_the_same_model():
    if not NATIVE:
        pytest.skip(f"native operator: {WHY}")
    thetas = [
        TopicModel(
            encoder="mlp-point", prior="dirichlet", divergence="scatter-mmd", n_topics=4, epochs=2,
            seed=0, divergence__impl=impl,
        ).fit(counts()).transform(counts())
        for impl in ("native", "reference")
    ]  # fmt: skip
    # float32 roundings of a few optimiser steps
    torch.testing.assert_close(*map(torch.as_tensor, thetas), rtol=1e-2, atol=1e-3)
