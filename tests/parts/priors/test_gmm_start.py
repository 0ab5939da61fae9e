"""The mixture started from latents: planted components come back, failures are sentences."""

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import ConvergenceWarning

from topicforge.contracts import Context
from topicforge.errors import TrainingError
from topicforge.parts.priors import GmmPrior

MEANS = np.array([[-4.0, 0.0, 3.0], [4.0, 4.0, 0.0], [0.0, -5.0, -3.0]])
SCALES = np.array([[0.5, 1.0, 0.8], [1.0, 0.3, 0.6], [0.4, 0.4, 1.2]])
WEIGHTS = np.array([0.5, 0.3, 0.2])


def planted(n=3000):
    rng = np.random.default_rng(0)
    component = rng.choice(3, size=n, p=WEIGHTS)
    return torch.from_numpy(rng.normal(MEANS[component], SCALES[component])).float()


def prior(**options):
    torch.manual_seed(0)
    context = Context(vocab_size=9, n_topics=3, n_latent=3)
    return GmmPrior(context, **{"start": "fit", "learn": "all", **options})


def matched(part):
    """(means, variances, weights) in the planted order."""
    p = part.distribution()
    loc = p.loc.detach().numpy()
    distance = np.linalg.norm(MEANS[:, None] - loc, axis=-1)
    order = linear_sum_assignment(distance)[1]
    variance = p.log_var.detach().exp().numpy()
    return loc[order], variance[order], p.log_weight.detach().exp().numpy()[order]


def test_planted_components_come_back():
    part = prior()
    assert part.starts_from_latents
    part.start_from_latents(planted(), seed=1)
    means, variances, _ = matched(part)
    # the smallest component has 600 points: 4 deviations of a mean are 4 * 1.2 / sqrt(600) = 0.2,
    # of a variance about 4 * sqrt(2 / 600) = 23 %
    np.testing.assert_allclose(means, MEANS, atol=0.2)
    np.testing.assert_allclose(variances, SCALES**2, rtol=0.23, atol=0.01)


def test_isotropic_components_come_back():
    part = prior(covariance="isotropic")
    part.start_from_latents(planted(), seed=1)
    means, variances, _ = matched(part)
    np.testing.assert_allclose(means, MEANS, atol=0.2)
    np.testing.assert_allclose(variances[:, 0], (SCALES**2).mean(1), rtol=0.23)


@pytest.mark.parametrize(
    ("learn", "expected"), [("components", [1 / 3] * 3), ("none", WEIGHTS), ("all", [1 / 3] * 3)]
)
def test_weights_start_uniform_unless_nothing_is_trained(learn, expected):
    part = prior(learn=learn)
    part.start_from_latents(planted(), seed=1)
    np.testing.assert_allclose(matched(part)[2], expected, atol=0.04)


@pytest.mark.parametrize("seed", [0, 2**32 + 7, 2**62])
def test_one_seed_one_start(seed):
    one, two = prior(fit_documents=500), prior(fit_documents=500)
    one.start_from_latents(planted(), seed)
    two.start_from_latents(planted(), seed)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


def test_only_so_many_documents_go_into_the_fit():
    few, all_of_them = prior(fit_documents=300), prior()
    few.start_from_latents(planted(), seed=1)
    all_of_them.start_from_latents(planted(), seed=1)
    means = matched(few)[0]
    assert not np.allclose(means, matched(all_of_them)[0], atol=1e-4)
    np.testing.assert_allclose(means, MEANS, atol=0.7)  # 60 points in the smallest component


def test_variances_respect_the_floor():
    part = prior(variance_floor=0.2)
    flat = planted()
    flat[:, 0] = 1.0  # a coordinate that does not vary
    part.start_from_latents(flat, seed=1)
    variance = part.distribution().log_var.detach().exp()
    assert variance.min() > 0.2
    np.testing.assert_allclose(variance[:, 0].numpy(), 0.2, rtol=1e-3)
    # the floor comes once, as scikit-learn adds it, not twice
    np.testing.assert_allclose(matched(part)[1][0, 1], 1.2, rtol=0.23)


def test_any_dtype_and_gradient_state():
    part = prior().double()
    part.start_from_latents(planted().bfloat16().requires_grad_(), seed=1)
    assert part.loc.dtype == torch.float64
    np.testing.assert_allclose(matched(part)[0], MEANS, atol=0.2)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e20])
def test_latents_that_are_not_finite_are_counted(bad):
    latents = planted(50)
    latents[3, 1] = latents[7, 0] = bad
    part = prior()
    before = part.loc.detach().clone()
    with pytest.raises(TrainingError, match=r"prior 'gmm'.*2 of 50 rows.*normalise"):
        part.start_from_latents(latents, seed=1)
    assert torch.equal(part.loc, before)


def test_latents_at_the_edge_of_what_is_taken_give_finite_parameters():
    part = prior()
    part.start_from_latents(planted(300) * 1e13, seed=1)
    assert all(p.isfinite().all() for p in part.parameters())
    assert part.distribution().log_prob(planted(3)).isfinite().all()


@pytest.mark.parametrize("n", [0, 2])
def test_too_few_documents(n):
    with pytest.raises(TrainingError, match=rf"3 components can't be fitted to {n} documents"):
        prior().start_from_latents(planted(n), seed=1)


def test_scikit_learns_own_refusal_is_a_training_error():
    # one component and one document pass our count, but not scikit-learn's minimum of two
    with pytest.raises(TrainingError, match=r"GaussianMixture failed on 1 latents.*start='spread'"):
        prior(n_components=1).start_from_latents(planted(1), seed=1)


def test_a_fit_that_does_not_converge_is_passed_on():
    # identical latents: k-means finds one cluster instead of three
    with pytest.warns(ConvergenceWarning, match="prior 'gmm'"):
        prior().start_from_latents(torch.ones(20, 3), seed=1)


def test_a_fit_that_converges_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prior().start_from_latents(planted(), seed=1)
