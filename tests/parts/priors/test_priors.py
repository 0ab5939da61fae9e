"""Gaussian, Dirichlet and the mixture as it is built: declared types, options, refusals."""

import math

import numpy as np
import pytest
import torch

from topicforge.contracts import Context
from topicforge.errors import OptionError
from topicforge.parts.priors import DirichletPrior, GaussianPrior, GmmPrior

CONTEXT = Context(vocab_size=9, n_topics=4, n_latent=3)
PRIORS = [GaussianPrior, DirichletPrior, GmmPrior]


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_declared_type_is_what_comes_and_dtype_and_device_follow(prior, dtype):
    torch.manual_seed(0)
    part = prior(CONTEXT).to(dtype)
    with torch.device("meta"):
        p = part.distribution()
        z = p.rsample(6)
        values = [z, p.log_prob(z), p.mean]
    assert type(p) is prior.describe().distribution
    assert {(value.dtype, value.device.type) for value in values} == {(dtype, "cpu")}
    assert z.shape == (6, 4 if p.space == "theta" else 3)
    assert prior.describe().trainable == any(q.requires_grad for q in part.parameters())


@pytest.mark.parametrize("prior", PRIORS)
def test_state_dict_round_trip(prior):
    torch.manual_seed(0)
    part = prior(CONTEXT)
    with torch.no_grad():
        for value in part.state_dict().values():
            value.add_(torch.rand_like(value))
    other = prior(CONTEXT)
    other.load_state_dict(part.state_dict())
    torch.manual_seed(1)
    expected = part.distribution().rsample(5)
    torch.manual_seed(1)
    assert torch.equal(other.distribution().rsample(5), expected)


def test_gaussian():
    p = GaussianPrior(CONTEXT, variance=4.0).distribution()
    assert p.mean.tolist() == [0.0] * 3
    np.testing.assert_allclose(p.log_var.exp().numpy(), 4.0, rtol=1e-6)
    assert GaussianPrior(CONTEXT).distribution().log_var.tolist() == [0.0] * 3
    assert GaussianPrior(CONTEXT).anchors() is None


def test_dirichlet_is_symmetric_over_the_topics():
    p = DirichletPrior(CONTEXT, concentration=0.3).distribution()
    np.testing.assert_allclose(p.concentration.numpy(), [0.3] * 4, rtol=1e-6)


@pytest.mark.parametrize("value", [1e-30, 1e30])
def test_extreme_concentrations_still_sample(value):
    torch.manual_seed(0)
    log_theta = DirichletPrior(CONTEXT, concentration=value).distribution().rsample(50)
    assert not log_theta.isnan().any()
    np.testing.assert_allclose(log_theta.exp().sum(1).numpy(), 1, rtol=1e-5)


@pytest.mark.parametrize("prior", [GaussianPrior, DirichletPrior])
@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, 1e-40, "0.1", None, [0.1]])
def test_parameters_outside_their_domain_are_refused(prior, value):
    option = "variance" if prior is GaussianPrior else "concentration"
    with pytest.raises(OptionError, match=rf"^prior '.*': option '{option}' must be a number"):
        prior(CONTEXT, **{option: value})


def test_gmm_spread_lies_on_the_sphere_with_unit_variances():
    torch.manual_seed(0)
    part = GmmPrior(CONTEXT, n_components=2000, radius=5.0)
    p = part.distribution()
    np.testing.assert_allclose(p.loc.detach().norm(dim=1).numpy(), 5.0, rtol=1e-5)
    # uniform on a sphere in three dimensions: each coordinate has deviation 5 / sqrt(3)
    assert p.loc.detach().mean(0).abs().max() < 4 * 5 / 3**0.5 / 2000**0.5
    np.testing.assert_allclose(p.log_var.detach().exp().numpy(), 1.0, rtol=1e-5)
    np.testing.assert_allclose(p.log_weight.detach().exp().sum().item(), 1.0, rtol=1e-5)
    assert part.anchors() is None
    assert not part.starts_from_latents
    components = GmmPrior(CONTEXT, topics="components")
    assert components.anchors() is components.loc


def test_gmm_sizes():
    assert GmmPrior(CONTEXT).loc.shape == GmmPrior(CONTEXT).raw_var.shape == (4, 3)
    isotropic = GmmPrior(CONTEXT, n_components=7, covariance="isotropic")
    assert isotropic.raw_var.shape == (7, 1)
    assert isotropic.distribution().rsample(2).shape == (2, 3)


@pytest.mark.parametrize(
    ("learn", "trained"),
    [("none", []), ("components", ["loc", "raw_var"]), ("all", ["loc", "raw_var", "logits"])],
)
def test_gmm_learns_what_it_says_and_declares_it(learn, trained):
    part = GmmPrior(CONTEXT, learn=learn)
    assert [name for name, p in part.named_parameters() if p.requires_grad] == trained
    latent = GmmPrior.describe(learn=learn)
    assert latent.trainable == bool(trained)
    assert latent.reparameterised == ("logits" not in trained)
    log_prob = part.distribution().log_prob(torch.randn(6, 3))
    assert log_prob.requires_grad == bool(trained)
    if trained:
        log_prob.sum().backward()
        assert all(part.get_parameter(name).grad.abs().max() > 0 for name in trained)
        z = part.distribution().rsample(64)
        reached = torch.autograd.grad(
            z.square().sum(), [part.get_parameter(name) for name in trained], allow_unused=True
        )
        assert [g is not None for g in reached] == [name != "logits" for name in trained]


def test_gmm_variance_cannot_fall_to_the_floor():
    part = GmmPrior(CONTEXT, variance_floor=0.25)
    with torch.no_grad():
        part.raw_var.fill_(-1e4)
    np.testing.assert_allclose(part.distribution().log_var.detach().exp().numpy(), 0.25, rtol=1e-6)
    assert GmmPrior(CONTEXT, variance_floor=3.0).distribution().log_var.exp().min() >= 3.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "'n_components' must be a whole number"),
        ({"n_components": 2.5}, "'n_components'"),
        ({"learn": "weights"}, "'learn' must be one of all, components, none"),
        ({"covariance": "full"}, "'covariance' must be one of diagonal, isotropic"),
        ({"start": "sprad"}, "Did you mean 'spread'"),
        ({"radius": -1.0}, "'radius'"),
        ({"variance_floor": 0.0}, "'variance_floor'"),
        ({"fit_documents": 3}, "'fit_documents' must be a whole number, at least 4"),
    ],
)
def test_gmm_refusals(options, message):
    with pytest.raises(OptionError, match=rf"prior 'gmm': .*{message}"):
        GmmPrior(CONTEXT, **options)
