"""What the network asks of its parts: a prior's proportions, and numbers that can be right."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import norm

from topicforge import TopicModel
from topicforge.errors import PluginError
from topicforge.parts.decoders.mixture import MixtureDecoder
from topicforge.parts.links import SoftmaxLink
from topicforge.plugin import Batch, Distribution, Divergence, Latent, Prior, Rule

SMALL = {"n_topics": 3, "epochs": 1, "batch_size": 50, "encoder__hidden": (8,)}


class Heavy(Distribution):
    """A third party's mixture, unknown to the core: uniform over balls around two points."""

    space = "z"

    def __init__(self, centres):
        self.centres = centres

    @property
    def mean(self):
        return self.centres.mean(0)

    def rsample(self, n=None):
        chosen = self.centres[torch.randint(len(self.centres), (n or 1,))]
        drawn = chosen + torch.rand_like(chosen) - 0.5
        return drawn[0] if n is None else drawn


class HeavyPrior(Prior):
    latent = Latent(Heavy, trainable=False)

    def __init__(self, context):
        super().__init__(context)
        self.register_buffer("centres", 2 * torch.eye(context.n_topics, context.n_latent))

    def distribution(self):
        return Heavy(self.centres)

    def anchors(self):
        return self.centres

    def anchor_proportions(self, z):
        if z is None:
            return torch.tensor([0.5, 0.3, 0.2])
        return torch.softmax(-torch.cdist(z, self.centres), -1)


class Flat(HeavyPrior):
    """Says nothing of proportions."""

    def anchor_proportions(self, z):
        return super(HeavyPrior, self).anchor_proportions(z)


class Wide(HeavyPrior):
    def anchor_proportions(self, z):
        return super().anchor_proportions(z)[..., :2]


def fitted(counts, **more):
    return TopicModel("nvdm-gsm", **{**SMALL, "divergence": "mmd", **more}).fit(counts)


@pytest.mark.filterwarnings("ignore:.*are empty")
def test_a_foreign_mixture_gives_theta_its_own_way(planted):
    counts = planted[0].tolil()
    counts[7] = 0
    counts = counts.tocsr()
    model = fitted(counts, prior=HeavyPrior)
    theta = model.transform(counts)
    network = model.network_
    np.testing.assert_allclose(theta[7], [0.5, 0.3, 0.2], atol=1e-6)
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-5)
    anchors = network.prior.anchors()
    np.testing.assert_allclose(
        model.topic_word_,
        network.decoder.topic_word(network.link(anchors).exp()).detach(),
        atol=1e-6,
    )


def test_without_its_word_an_empty_document_gets_the_mean_of_theta(planted):
    """One component at a corner, two at another: theta (1/3, 2/3, 0), where softmax of their mean is
    (4.5e-5, 1, 2e-9).
    """
    network = fitted(planted[0], prior=Flat).network_
    assert network.prior.anchor_proportions(None) is None
    network.link = SoftmaxLink(network.context)
    network.prior.centres = 30 * torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]])
    before = torch.get_rng_state()
    found = network.prior_theta()
    assert torch.equal(network.prior_theta(), found)
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(found, torch.tensor([1 / 3, 2 / 3, 0]), atol=0.006, rtol=0)


@pytest.mark.filterwarnings("ignore:.*are empty")
def test_the_mean_of_theta_is_that_of_quadrature(planted):
    """Two topics: theta_1 = 1 / (1 + exp(z_2 - z_1)), and z_2 - z_1 is a mixture of two normals."""
    model = fitted(planted[0], prior="gmm", link="softmax", n_topics=2, prior__n_components=2)
    network = model.network_
    with torch.no_grad():
        network.prior.loc.copy_(torch.tensor([[4.0, 0.0], [-1.0, 1.0]]))
    p = network.prior.distribution()
    deviations = p.log_var.exp().sum(1).sqrt().tolist()
    expected = np.mean([
        norm.expect(lambda d: expit(-d), loc=gap, scale=deviation)
        for gap, deviation in zip((-4, 2), deviations, strict=True)
    ])  # fmt: skip
    empty = planted[0][:2] * 0
    empty.eliminate_zeros()
    theta = model.transform(empty)
    np.testing.assert_allclose(theta, [[expected, 1 - expected]] * 2, atol=0.006)
    assert abs(theta[0, 0] - expit(1.0)) > 0.1, "the link of the mean is another number"


def test_proportions_of_another_number_are_refused(planted):
    with pytest.raises(
        PluginError, match=r"one number per anchor, \(\d+, 3\), but gave \(\d+, 2\)"
    ):
        fitted(planted[0], prior=Wide)


class Flipped(MixtureDecoder):
    def log_likelihood(self, theta, batch):
        return -super().log_likelihood(theta, batch)


class Turned(MixtureDecoder):
    def topic_word(self, theta):
        return super().topic_word(theta).T


class Unnormalised(MixtureDecoder):
    def topic_word(self, theta):
        return 2 * super().topic_word(theta)


class OneScore(MixtureDecoder):
    def word_scores(self, theta):
        return super().word_scores(theta)[:1]


class Scalar(Divergence):
    """Says per document, and gives a mean."""

    exactness = "approximation"

    def resolve(self, sides):
        del sides
        return Rule(self.compute, self.exactness, "z", "a test", "a mean")

    def compute(self, q, p, samples):
        del p, samples
        return q.loc.square().mean()


class Negative(Scalar):
    exactness = "closed form"

    def compute(self, q, p, samples):
        del p, samples
        return -1 - q.loc.square().sum(-1)


@pytest.mark.parametrize(
    ("kind", "part", "says"),
    [
        ("decoder", Flipped, r"log_likelihood must be the logarithm of a probability, at most 0"),
        (
            "decoder",
            Turned,
            r"topic_word must give one row per topic .* \(3, 30\), but gave \(30, 3",
        ),
        (
            "decoder",
            Unnormalised,
            r"rows of topic_word must be distributions, but one sums to 1 \+1",
        ),
        ("decoder", OneScore, r"word_scores must give one row per topic .* but gave \(1, 30\)"),
        ("divergence", Scalar, r"must give one number per document, \(50,\), but gave \(\)"),
        ("divergence", Negative, r"in closed form \(a mean\) must give at least 0, but gave -"),
    ],
)
def test_wrong_numbers_are_refused_in_the_first_batch(planted, monkeypatch, kind, part, says):
    steps = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *a, **k: (steps.append(1), step(*a, **k)))
    with pytest.raises(PluginError, match=says) as caught:
        TopicModel("nvdm-gsm", **SMALL, **{kind: part}).fit(planted[0])
    assert part.__name__ in str(caught.value)
    assert not steps


def test_right_numbers_are_looked_at_once(planted, monkeypatch):
    looked = []
    own_words = MixtureDecoder.own_words
    monkeypatch.setattr(
        MixtureDecoder, "own_words", lambda *a: (looked.append(1), own_words(*a))[1]
    )
    TopicModel("nvdm-gsm", **{**SMALL, "epochs": 3, "ranking": "decoder"}).fit(planted[0])
    # once for the words and once for their scores, before training and after it
    assert len(looked) == 4


@pytest.mark.parametrize(("prior", "moves"), [("gaussian", False), ("dirichlet", True)])
def test_the_link_is_not_trained_by_a_comparison_of_both_sides_through_it(planted, prior, moves):
    """A link that shrinks would make any two samples alike; a prior on the simplex is a fixed mark."""
    model = TopicModel(
        "nvdm-gsm", **SMALL, prior=prior, divergence=("mmd", {"kernel": "diffusion"}),
        link="linear-softmax",
    ).fit(planted[0])  # fmt: skip
    network = model.network_
    rows = planted[0][:40].tocsr()
    arrays = (rows.indptr.astype("int64"), rows.indices.astype("int64"), rows.data)
    batch = Batch(*(torch.from_numpy(a) for a in arrays), rows.shape[1])
    network.zero_grad()
    network(batch).divergence.backward()
    grads = [weight.grad for weight in network.link.parameters()]
    assert any(g is not None and bool(g.any()) for g in grads) == moves
    assert any(w.grad is not None and bool(w.grad.any()) for w in network.encoder.parameters())
