"""Parts that go wrong in the middle of training: named with their package, and nothing is lost."""

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.contracts import ComponentSpec
from topicforge.errors import PluginError, TopicForgeError, TrainingError
from topicforge.parts.decoders.mixture import MixtureDecoder
from topicforge.parts.encoders.mlp import MlpEncoder
from topicforge.parts.links.softmax import SoftmaxLink
from topicforge.plugin import (
    DiagonalNormal,
    Dirichlet,
    Divergence,
    Latent,
    Prior,
    Rule,
)

CALLS = 0


@pytest.fixture(autouse=True)
def start_again():
    global CALLS
    CALLS = 0


def late():
    """True from the sixth call on: in the middle of training."""
    global CALLS
    CALLS += 1
    return CALLS > 5


class WrongPrior(Prior):
    latent = Latent(DiagonalNormal, trainable=False)
    gives = staticmethod(lambda loc: DiagonalNormal(loc, torch.zeros_like(loc)))

    def __init__(self, context):
        super().__init__(context)
        self.register_buffer("loc", torch.zeros(context.n_latent))

    def distribution(self):
        if late():
            return self.gives(self.loc)
        return DiagonalNormal(self.loc, torch.zeros_like(self.loc))


class WidePrior(WrongPrior):
    gives = staticmethod(lambda _: DiagonalNormal(torch.zeros(7), torch.zeros(7)))


class LyingPrior(WrongPrior):
    gives = staticmethod(lambda loc: Dirichlet(torch.ones_like(loc)))


class NanPrior(WrongPrior):
    gives = staticmethod(lambda loc: DiagonalNormal(loc * torch.nan, loc))


class RaisingPrior(WrongPrior):
    gives = staticmethod(lambda _: 1 // 0)


class LyingEncoder(MlpEncoder):
    def forward(self, batch):
        q = super().forward(batch)
        return Dirichlet(q.loc.exp()) if late() else q


class ShortEncoder(MlpEncoder):
    def forward(self, batch):
        q = super().forward(batch)
        return DiagonalNormal(q.loc[1:], q.log_var[1:]) if late() else q


class NanEncoder(MlpEncoder):
    def forward(self, batch):
        q = super().forward(batch)
        return DiagonalNormal(q.loc * torch.nan, q.log_var) if late() else q


class ShortLink(SoftmaxLink):
    softmax = False

    def forward(self, z):
        log_theta = super().forward(z)
        return log_theta[:, 1:] if late() else log_theta


class RaisingDecoder(MixtureDecoder):
    def log_likelihood(self, theta, batch):
        if late():
            raise KeyError("no luck")
        return super().log_likelihood(theta, batch)


class NanDecoder(MixtureDecoder):
    def log_likelihood(self, theta, batch):
        return super().log_likelihood(theta, batch) * (torch.nan if late() else 1)


class RaisingDivergence(Divergence):
    def resolve(self, pair):
        del pair
        return Rule(self.compute, "approximation", "z", "a test", "goes wrong")

    def compute(self, q, p, samples):
        del p, samples
        return q.loc.sum(-1).square() + (torch.zeros(99) if late() else 0)


@pytest.mark.parametrize(
    ("kind", "part", "error", "says"),
    [
        ("prior", WidePrior, PluginError, r"divergence 'kl' of topicforge .*, with prior 'bad'"),
        ("prior", LyingPrior, PluginError, r"declares DiagonalNormal .* but returned Dirichlet"),
        ("prior", NanPrior, TrainingError, r"the first part that gives no finite number is prior"),
        ("prior", RaisingPrior, PluginError, "failed with ZeroDivisionError"),
        ("encoder", LyingEncoder, PluginError, r"declares DiagonalNormal .* returned Dirichlet"),
        (
            "encoder",
            ShortEncoder,
            PluginError,
            r"one row per document, \(50, 3\), but has shape \(49, 3",
        ),
        (
            "encoder",
            NanEncoder,
            TrainingError,
            r"the first part that gives no finite number is enc",
        ),
        ("link", ShortLink, PluginError, r"became \(50, 2\)"),
        ("decoder", RaisingDecoder, PluginError, "failed with KeyError: 'no luck'"),
        (
            "decoder",
            NanDecoder,
            TrainingError,
            r"the first part that gives no finite number is dec",
        ),
        ("divergence", RaisingDivergence, PluginError, "failed with RuntimeError"),
    ],
)
def test_it_is_named_with_its_package_and_an_earlier_fit_is_kept(planted, kind, part, error, says):
    counts, _ = planted
    shared = {"n_topics": 3, "epochs": 2, "batch_size": 50, "encoder__hidden": (8,)}
    model = TopicModel("nvdm-gsm", link="softmax", **shared).fit(counts)
    before = model.topic_word_.copy()
    spec = ComponentSpec(
        "bad", part, kind=kind, summary="a test", source="a test",
        distribution="bad-package", version="4.2",
    )  # fmt: skip
    model.set_params(**{kind: spec})
    with pytest.raises(TopicForgeError, match=says) as caught:
        model.fit(counts)
    assert isinstance(caught.value, error)
    assert f"{kind} 'bad' of bad-package 4.2" in str(caught.value)
    np.testing.assert_array_equal(model.topic_word_, before)
    assert model.transform(counts).shape == (300, 3)
