"""The mixture decoder's background and log counts, against values worked by hand and dense formulas."""

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.contracts import Context, StartData
from topicforge.contracts.start import Clusters
from topicforge.errors import OptionError
from topicforge.parts.decoders import MixtureDecoder

V, K = 4, 2
FREQUENCY = torch.tensor([0.4, 0.3, 0.2, 0.1])
DENSE = [[3, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 7]]


def make(**options):
    part = MixtureDecoder(Context(V, K, K, word_frequency=FREQUENCY), **options)
    part.start()
    return part.double()


def by_hand(**options):
    """Topics (1/2, 1/2, 0, 0) and (0, 0, 1/4, 3/4), nearly; background p(v); shares 1/4 and 1/2."""
    part = make(background=0.25, **options)
    own = torch.tensor([[0.5, 0], [0.5, 0], [0, 0.25], [0, 0.75]], dtype=torch.float64)
    with torch.no_grad():
        part.free.copy_(own.clamp_min(1e-30).log())
        part.share.copy_(torch.tensor([1 / 3, 1.0]).log())
    return part, own.T


def test_one_matrix_predicts_and_another_shows_the_topics():
    part, own = by_hand()
    eye = torch.eye(K, dtype=torch.float64)
    # 3/4 own + 1/4 p(v), and 1/2 own + 1/2 p(v)
    predicts = torch.tensor([[0.475, 0.45, 0.05, 0.025], [0.2, 0.15, 0.225, 0.425]])
    torch.testing.assert_close(part.topic_word(eye), predicts.double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(part.own_words(eye), own)
    torch.testing.assert_close(part.word_scores(eye), own)
    theta = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(part.own_words(theta), own.mean(0, keepdim=True))


@pytest.mark.parametrize("counts", ["plain", "log"])
def test_likelihoods_against_the_dense_formula(batch_of, counts):
    part, _ = by_hand(counts=counts)
    torch.manual_seed(0)
    theta = torch.softmax(torch.randn(3, K, dtype=torch.float64), 1)
    log_p = part.topic_word(theta).log()
    x = torch.tensor(DENSE, dtype=torch.float64)
    batch = batch_of(DENSE, V)
    torch.testing.assert_close(part.word_log_likelihood(theta, batch), (x * log_p).sum(1))
    # 3 counts as 2, 1 as 1, 7 as 3
    trained = (
        x if counts == "plain" else torch.tensor([[2, 1, 0, 0], [0] * 4, [0, 0, 1, 3]]).double()
    )
    torch.testing.assert_close(part.log_likelihood(theta, batch), (trained * log_p).sum(1))


@pytest.mark.parametrize("options", [{}, {"counts": "log"}, {"width": 3}])
def test_gradients(batch_of, options):
    torch.manual_seed(0)
    part = make(background=0.3, **options)
    theta = torch.softmax(torch.randn(3, K, dtype=torch.float64), 1)
    names = [name for name, _ in part.named_parameters()]
    values = [torch.randn_like(p).requires_grad_() for p in part.parameters()]

    def loss(*given):
        state = dict(zip(names, given, strict=True))
        return torch.func.functional_call(part, state, (theta, batch_of(DENSE, V)))

    part.forward = part.log_likelihood
    assert torch.autograd.gradcheck(loss, values)


def test_the_background_starts_at_the_words_frequencies():
    part = make(background=0.2)
    np.testing.assert_allclose(torch.softmax(part.background, 0).tolist(), FREQUENCY, rtol=1e-6)
    np.testing.assert_allclose(torch.sigmoid(part.share).tolist(), [0.2, 0.2], rtol=1e-6)
    assert not hasattr(make(), "background")


def test_topics_start_at_the_clusters_words_less_the_background():
    counts = np.array([[300.0, 100, 0, 0], [100, 200, 200, 100]])
    start = StartData()
    start._clusters = Clusters(
        np.zeros((V, 2), np.float32), np.ones(V, np.float32), np.eye(K, 2, dtype=np.float32),
        np.zeros(2, np.int64), counts,
    )  # fmt: skip
    context = Context(V, K, K, word_frequency=FREQUENCY, start_data=start)
    part = MixtureDecoder(context, start="clusters", background=0.5)
    part.start()
    everywhere = (counts.sum(0) + 0.25) / 1001
    smoothed = (counts + 100 * everywhere) / (counts.sum(1, keepdims=True) + 100)
    # cluster 0 has 0.68 of word 0, of which the background explains 0.5 * 0.4
    assert smoothed[0, 0] == pytest.approx(0.68, abs=1e-3)
    expected = np.maximum(smoothed - 0.5 * everywhere, 0) + 1e-3 * smoothed
    expected /= expected.sum(1, keepdims=True)
    own = part.own_words(torch.eye(K)).detach().numpy()
    np.testing.assert_allclose(own, expected, rtol=1e-5)
    # words 2 and 3, which cluster 0 lacks, keep next to nothing
    assert own[0, 2:].max() < 1e-3


def test_the_model_shows_own_words_and_predicts_with_the_background(planted, tmp_path):
    model = TopicModel(n_topics=4, epochs=2).fit(planted[0])
    network = model.network_
    with torch.no_grad():
        own, predicts = network.own_words().numpy(), network.topic_word().numpy()
    np.testing.assert_array_equal(model.topic_word_, own)
    assert np.abs(own - predicts).max() > 1e-3
    share = torch.sigmoid(network.decoder.share).detach().numpy()[:, None]
    background = torch.softmax(network.decoder.background, 0).detach().numpy()
    np.testing.assert_allclose(predicts, (1 - share) * own + share * background, atol=1e-6)
    assert model.topics(5) == model.topics(5, ranking="probability")
    model.save(tmp_path / "model")
    from topicforge import load

    np.testing.assert_array_equal(load(tmp_path / "model").topic_word_, own)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": 1.0}, "option 'background' must be a number in"),
        ({"counts": "logs"}, "'counts' must be one of plain, log.*Did you mean 'log'"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(OptionError, match=message):
        make(**options)
