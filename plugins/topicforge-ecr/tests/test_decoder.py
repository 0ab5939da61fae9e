"""The decoder's distribution by hand, its penalty's gradient, and what the penalty is good for."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from topicforge import TopicModel, load
from topicforge.plugin import Batch, Context, OptionError, TrainingError

from topicforge_ecr.decoder import EcrDecoder
from topicforge_ecr.transport import sinkhorn

CENTRES = torch.tensor([[1.0, 0.0], [-0.5, 0.87], [-0.5, -0.87]])
FREQUENCY = torch.tensor([0.4, 0.3, 0.2, 0.1, 0.0])


def decoder(v=5, k=2, **options):
    torch.manual_seed(0)
    options = {"vectors": None, "width": 3, **options}
    frequency = FREQUENCY if v == 5 else torch.full((v,), 1 / v)
    context = Context(vocab_size=v, n_topics=k, n_latent=k, word_frequency=frequency)
    made = EcrDecoder(context, **options)
    made.start()
    return made


def documents(n=300, v=30, k=3, seed=0):
    """Documents of one theme each; theme j has the words from 10 j to 10 j + 9."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((n, v), dtype=np.int64)
    for row in counts:
        theme = rng.integers(k)
        own = 10 * theme + rng.integers(10, size=20)
        np.add.at(row, np.concatenate([own, rng.integers(v, size=4)]), 1)
    return sp.csr_array(counts)


def test_topic_word_by_hand():
    """Words at 0 and 1 on a line, topics there too, tau = 1 / log 3: p(k | v) = 3/4 and 1/4.

    With word frequencies 2/3 and 1/3, Bayes gives p(v = 0 | k = 0) = (3/4 2/3) / (3/4 2/3 + 1/4 1/3)
    = 6/7 and p(v = 0 | k = 1) = (1/4 2/3) / (1/4 2/3 + 3/4 1/3) = 2/5.
    """
    context = Context(2, 2, 2, word_frequency=torch.tensor([2 / 3, 1 / 3]))
    made = EcrDecoder(context, vectors=None, width=1, temperature=1 / math.log(3))
    made.start()
    with torch.no_grad():
        made.word.copy_(torch.tensor([[0.0], [1.0]]))
        made.topic.copy_(torch.tensor([[0.0], [1.0]]))
    expected = torch.tensor([[6 / 7, 1 / 7], [2 / 5, 3 / 5]])
    torch.testing.assert_close(made.topic_word(torch.eye(2)), expected)
    theta = torch.tensor([[0.5, 0.5]])
    batch = Batch(torch.tensor([0, 2]), torch.tensor([0, 1]), torch.tensor([2.0, 1.0]), 2)
    p = (6 / 7 + 2 / 5) / 2
    likelihood = made.log_likelihood(theta, batch).item()
    assert likelihood == pytest.approx(2 * math.log(p) + math.log(1 - p), rel=1e-6)


def test_background_starts_at_the_frequency():
    """A word that never occurs counts as often as the rarest that does."""
    made = decoder()
    torch.testing.assert_close(made.background.exp(), torch.tensor([0.4, 0.3, 0.2, 0.1, 0.1]))


def test_penalty_value_and_gradient():
    """Differences of the converged transport cost at the same e, which is no part of the gradient."""
    made = decoder(v=6, k=3, iterations=5000, epsilon=0.3, weight=7.0).double()
    a, b = torch.full((6,), 1 / 6).double(), torch.full((3,), 1 / 3).double()
    e = 0.3 * made.distances().mean().item()

    def exact():
        with torch.no_grad():
            return 7 * sinkhorn(made.distances(), a, b, e, tolerance=1e-13).value.item()

    value = made.penalties()["ecr"]
    value.backward()
    # the columns hold to 1e-3, the value to that squared, the gradient to that
    assert value.item() == pytest.approx(exact(), abs=1e-4)
    for weight in (made.word, made.topic):
        for position in np.ndindex(*weight.shape):
            ends = []
            for step in (1e-4, -2e-4):
                with torch.no_grad():
                    weight[position] += step
                ends.append(exact())
            with torch.no_grad():
                weight[position] += 1e-4
            difference = (ends[0] - ends[1]) / 2e-4
            assert weight.grad[position].item() == pytest.approx(difference, abs=7e-3)


def test_epsilon_follows_the_costs():
    """Vectors twice as long: all costs four times, the plan the same, so the penalty four times."""
    made = decoder(v=20, k=3, epsilon=0.1)
    once = made.penalties()["ecr"].item()
    with torch.no_grad():
        made.word.mul_(2)
        made.topic.mul_(2)
    made._potential = None
    assert made.penalties()["ecr"].item() == pytest.approx(4 * once, rel=1e-3)


def test_penalty_by_hand():
    """One topic: the plan has no choice, the cost is the mean squared distance, KL is 0."""
    made = decoder(k=1, weight=3.0)
    expected = 3 * (made.word - made.topic).square().sum(1).mean()
    torch.testing.assert_close(made.penalties()["ecr"], expected)


def test_sizes_say_how_many_words_a_topic_has():
    made = decoder(v=40, sizes=[3, 1])
    assert made.size.tolist() == [0.75, 0.25]
    assert decoder(v=40).size.tolist() == [0.5, 0.5]


def test_no_penalty_at_weight_zero():
    assert decoder(weight=0).penalties() == {}


def descend(seed, epsilon):
    """Three clusters of words around CENTRES; topics start at one place but for a thousandth."""
    torch.manual_seed(seed)
    made = decoder(v=60, k=3, width=2, weight=1.0, epsilon=epsilon, train_vectors=False)
    torch.manual_seed(seed)
    with torch.no_grad():
        made.word.copy_(CENTRES[torch.arange(60) % 3] + 0.1 * torch.randn(60, 2))
        made.topic.copy_(torch.tensor([[0.3, 0.1]]) + 1e-3 * torch.randn(3, 2))
    optimiser = torch.optim.Adam([made.topic], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        made.penalties()["ecr"].backward()
        optimiser.step()
    return made.topic.detach()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_penalty_parts_topics_that_coincide(seed):
    """Descent on the transport cost alone gives each cluster a topic of its own."""
    nearest = torch.cdist(CENTRES, descend(seed, epsilon=0.01)).min(1)
    assert sorted(nearest.indices.tolist()) == [0, 1, 2]
    # a mean of 20 words with deviation 0.1 is off by 0.1 / sqrt(20) an axis; five of these
    assert nearest.values.max() < 5 * 0.1 / math.sqrt(20)


def test_a_blurred_plan_draws_topics_together():
    """The trap: under a large epsilon every topic is the mean of all words."""
    topics = descend(0, epsilon=10.0)
    # the centres' mean is 0, that of 60 words with deviation 0.1 around them within 0.1 of it
    assert torch.pdist(topics).max() < 1e-2
    assert topics.norm(dim=1).max() < 0.1


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"width": 0}, "width"),
        ({"temperature": 0}, "temperature"),
        ({"weight": -1}, "weight"),
        ({"weight": float("inf")}, "weight"),
        ({"epsilon": "small"}, "epsilon"),
        ({"iterations": 1.5}, "iterations"),
        ({"train_vectors": 1}, "train_vectors"),
        ({"sizes": [1, 2, 3]}, "sizes"),
        ({"sizes": [1, 0]}, "sizes"),
        ({"sizes": "ab"}, "sizes"),
    ],
)
def test_options_out_of_their_domain(options, word):
    with pytest.raises(OptionError, match=f"option '{word}'"):
        decoder(**options)


def test_corpus_vectors_need_a_corpus():
    with pytest.raises(TrainingError, match="a start from data needs training documents"):
        decoder(vectors="corpus")


def test_trains_saves_and_opens(tmp_path):
    """Three planted themes come back, and a saved model says the same without its corpus."""
    counts = documents()
    model = TopicModel(
        encoder="mlp", prior="gaussian", divergence="kl", decoder="ecr", n_topics=3, epochs=20,
        batch_size=50, seed=0, learning_rate=0.01, decoder__weight=10.0,
    ).fit(counts)  # fmt: skip
    words = np.argsort(-model.topic_word_, axis=1)[:, :10]
    themes = sorted(sorted(row.tolist()) for row in words)
    assert themes == [list(range(10 * j, 10 * j + 10)) for j in range(3)]
    model.save(tmp_path / "model")
    opened = load(tmp_path / "model")
    np.testing.assert_array_equal(opened.topic_word_, model.topic_word_)
    np.testing.assert_array_equal(opened.transform(counts), model.transform(counts))
