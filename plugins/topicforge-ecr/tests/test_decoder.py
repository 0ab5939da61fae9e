"""The decoder's distribution by hand, its penalty's gradient, and what the penalty is good for."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from topicforge import TopicModel, load
from topicforge.plugin import Batch, Context, OptionError, TrainingError

from topicforge_ecr.decoder import EcrDecoder

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


def test_penalty_gradient():
    made = decoder(v=6, k=3, iterations=5000, epsilon=0.3, weight=7.0).double()
    with torch.no_grad():
        made.penalties()  # so that every solve starts near its end

    def penalty(word, topic):
        with torch.no_grad():
            made.word.copy_(word)
            made.topic.copy_(topic)
        value = made.penalties()["ecr"]
        value.backward()
        return value.detach()

    made.word.grad = made.topic.grad = None
    word, topic = made.word.detach().clone(), made.topic.detach().clone()
    penalty(word, topic)
    got = made.word.grad.clone(), made.topic.grad.clone()
    step = 1e-4
    for i, start in enumerate((word, topic)):
        for position in np.ndindex(*start.shape):
            ends = []
            for sign in (1, -1):
                moved = start.clone()
                moved[position] += sign * step
                ends.append(penalty(*((moved, topic) if i == 0 else (word, moved))).item())
            # the plan's columns hold to 1e-3, and so does the gradient
            assert got[i][position].item() == pytest.approx(
                (ends[0] - ends[1]) / (2 * step), abs=7 * 2e-3
            )


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


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_penalty_parts_topics_that_coincide(seed):
    """Three clusters of words, all topics started at one place but for a thousandth.

    Descent on the transport cost alone gives each cluster a topic. Nothing else would: a cost that
    lets every word choose its nearest topic leaves two of the three without words as often as not.
    """
    torch.manual_seed(seed)
    made = decoder(v=60, k=3, width=2, weight=1.0, epsilon=0.05, train_vectors=False)
    torch.manual_seed(seed)
    centres = torch.tensor([[1.0, 0.0], [-0.5, 0.87], [-0.5, -0.87]])
    cluster = torch.arange(60) % 3
    with torch.no_grad():
        made.word.copy_(centres[cluster] + 0.1 * torch.randn(60, 2))
        made.topic.copy_(torch.tensor([[0.3, 0.1]]) + 1e-3 * torch.randn(3, 2))
    optimiser = torch.optim.Adam([made.topic], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        made.penalties()["ecr"].backward()
        optimiser.step()
    nearest = torch.cdist(centres, made.topic.detach()).min(1)
    assert sorted(nearest.indices.tolist()) == [0, 1, 2]
    # a mean of 20 words with deviation 0.1 is off by 0.1 / sqrt(20) an axis; five of these
    assert nearest.values.max() < 5 * 0.1 / math.sqrt(20)


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
    with pytest.raises(TrainingError, match="vectors='corpus' needs training documents"):
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
