"""Topic decorrelation: values worked by hand, the gradient, every decoder, and what it does."""

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.errors import OptionError
from topicforge.parts.regularisers import TopicDecorrelation
from topicforge.parts.regularisers.topic_decorrelation import mean_squared_cosine


def test_values_by_hand():
    apart = torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    assert mean_squared_cosine(apart).item() == 0
    assert mean_squared_cosine(apart[[0, 0, 0]]).item() == pytest.approx(1)
    # the means are 1/2, 1/4, 1/4: inner product (1/4) / (1/2) = 1/2, squared norms
    # (1/4)/(1/2) + (1/4)/(1/4) = 3/2 each, so cos^2 = (1/3)^2
    halves = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]])
    assert mean_squared_cosine(halves).item() == pytest.approx(1 / 9)


def test_gradient():
    torch.manual_seed(0)
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: mean_squared_cosine(x.softmax(1)), logits)


def test_a_word_that_no_topic_uses_gives_no_nan():
    topics = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]], requires_grad=True)
    mean_squared_cosine(topics).backward()
    assert torch.isfinite(topics.grad).all()


@pytest.mark.parametrize("decoder", ["mixture", "product", "embedding", "mlp"])
def test_topics_end_further_apart(planted, decoder):
    def distance(regularisers):
        model = TopicModel(
            "nvdm-gsm",
            decoder=decoder,
            n_topics=4,
            epochs=3,
            encoder__hidden=(8,),
            regularisers=regularisers,
        ).fit(planted[0])
        topics = torch.from_numpy(np.asarray(model.topic_word_))
        return mean_squared_cosine(topics).item(), model.history_[-1]

    (free, plain), (held, pushed) = (
        distance([]),
        distance([("topic-decorrelation", {"weight": 100.0})]),
    )
    assert held < free
    assert "topic-decorrelation" in pushed.penalties
    assert "topic-decorrelation" not in plain.penalties


def test_one_topic_has_nothing_to_be_pushed_from(planted):
    model = TopicModel("nvdm-gsm", n_topics=1, epochs=1, regularisers=["topic-decorrelation"])
    assert not model.fit(planted[0]).history_[0].penalties


@pytest.mark.parametrize("weight", [0, -1, float("nan")])
def test_weight_must_be_positive(weight):
    with pytest.raises(OptionError, match="weight"):
        TopicDecorrelation(weight=weight)
