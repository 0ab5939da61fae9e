"""Distinct topics: values worked by hand, gradients, what is held when, and what it does."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.contracts import Progress
from topicforge.errors import OptionError
from topicforge.parts.regularisers import DistinctTopics
from topicforge.parts.regularisers.distinct_topics import correlation, overlap

HALVES = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]], dtype=torch.float64)


class Fixed:
    """A network whose topics and word vectors are known."""

    def __init__(self, own, vectors, mean_length=1.0):
        self.own = own
        self.decoder = torch.nn.Linear(1, 1, dtype=own.dtype)
        clusters = SimpleNamespace(vectors=vectors)
        self.context = SimpleNamespace(
            n_topics=len(own),
            mean_length=mean_length,
            start_data=SimpleNamespace(clusters={len(own): clusters}.__getitem__),
        )

    def own_words(self):
        return self.own


def test_values_by_hand():
    apart = torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]], dtype=torch.float64)
    # the root's floor lets tiny^(1/2) through
    assert overlap(apart).item() == pytest.approx(0, abs=1e-12)
    assert correlation(apart).item() == 0
    # three equal topics overlap with two others wholly, and draw one word of two with chance 1/2
    assert overlap(apart[[0, 0, 0]]).item() == pytest.approx(2)
    assert correlation(apart[[0, 0, 0]]).item() == pytest.approx(2 * 0.5)
    # one shared word of probability 1/2: (1/2 * 1/2)^(1/2) and 1/2 * 1/2, both ways, over two topics
    assert overlap(HALVES).item() == pytest.approx(0.5)
    assert correlation(HALVES).item() == pytest.approx(0.25)


def test_the_penalty_by_hand():
    # cosines: words 0 and 1 alike, word 2 at right angles; lengths don't matter
    vectors = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]], dtype=np.float32)
    rule = DistinctTopics(overlap=1.0, decorrelation=2.0, coherence=3.0, after=0.5)
    network = Fixed(HALVES, vectors, mean_length=10.0)
    rule.start(network)
    assert rule.penalty(network, Progress(3.5, 8)) is None
    # coherence: topic 0 draws alike words alone, 1; topic 1 two alike ones with chance 1/4 + 1/4
    expected = 10 * (0.5 + 2 * 0.25 - 3 * (1 + 0.5) / 2)
    assert rule.penalty(network, Progress(4.0, 8)).item() == pytest.approx(expected)


@pytest.mark.parametrize("function", [overlap, correlation])
def test_gradients(function):
    torch.manual_seed(0)
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: function(x.softmax(1)), logits)


def test_a_word_that_no_topic_uses_gives_no_nan():
    own = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]], requires_grad=True)
    overlap(own).backward()
    assert torch.isfinite(own.grad).all()


@pytest.mark.parametrize(("epochs", "begins"), [(20, 11), (8, 4), (3, 2), (1, 1)])
def test_it_begins_at_a_whole_epoch(epochs, begins):
    rule = DistinctTopics(after=0.55)
    for epoch in range(epochs):
        now = Progress(epoch, epochs)
        assert rule.rising(now) == (epoch < begins)
        assert rule.trains("decoder", now)
        assert all(rule.trains(p, now) == (epoch < begins) for p in ("encoder", "link", "prior"))


def test_only_the_decoder_moves_once_it_has_begun(planted):
    model = TopicModel(n_topics=4, epochs=2, regularisers=[("distinct-topics", {"after": 0.5})])
    model.partial_fit(planted[0])
    before = copy.deepcopy(model.network_.state_dict())
    model.partial_fit(planted[0])
    after = model.network_.state_dict()
    moved = {name.partition(".")[0] for name in after if not torch.equal(before[name], after[name])}
    assert moved == {"decoder"}
    assert [sorted(report.penalties) for report in model.history_] == [[], ["distinct-topics"]]


def test_own_words_end_further_apart_and_theta_stays(planted):
    def fitted(**weights):
        rule = ("distinct-topics", {"coherence": 0.0, "after": 0.5, **weights})
        return TopicModel(n_topics=4, epochs=10, learning_rate=0.05, regularisers=[rule]).fit(
            planted[0]
        )

    free, pushed = fitted(overlap=0.0, decorrelation=0.0), fitted(decorrelation=8.0)
    apart = [correlation(torch.from_numpy(m.topic_word_)).item() for m in (free, pushed)]
    assert apart[1] < apart[0]
    np.testing.assert_array_equal(free.transform(planted[0]), pushed.transform(planted[0]))


def test_one_topic_has_nothing_to_be_told_from(planted):
    rule = ("distinct-topics", {"coherence": 0.0, "after": 0.0})
    model = TopicModel(n_topics=1, epochs=1, regularisers=[rule]).fit(planted[0])
    assert model.history_[0].penalties["distinct-topics"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", ["overlap", "decorrelation", "coherence"])
@pytest.mark.parametrize("value", [-1, "x", float("nan"), None])
def test_refuses_what_is_no_weight(name, value):
    with pytest.raises(OptionError, match=f"'distinct-topics': option '{name}'"):
        DistinctTopics(**{name: value})


def test_refuses_what_is_no_share():
    with pytest.raises(OptionError, match="option 'after'"):
        DistinctTopics(after=1.0)
