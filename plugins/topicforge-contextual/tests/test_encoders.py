"""What the two encoders read, by hand, and whole models with them."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from topicforge import TopicModel, load
from topicforge.plugin import Batch, Context, InputError, OptionError

from topicforge_contextual.encoders import CombinedEncoder, ContextualEncoder, NeighboursEncoder

CONTEXT = Context(vocab_size=3, n_topics=2, n_latent=2, n_features=2)


def batch(features):
    """Documents (word 0 once, word 2 three times) and an empty one."""
    crow, col = torch.tensor([0, 2, 2]), torch.tensor([0, 2])
    return Batch(crow, col, torch.tensor([1.0, 3.0]), 3, torch.tensor(features))


@pytest.fixture(scope="module")
def two_groups():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 60)
    share = np.kron(np.eye(2), np.full(5, 0.2))
    counts = sp.csr_matrix(rng.multinomial(20, share[group]), dtype=np.float32)
    return counts, np.eye(2, dtype=np.float32)[group]


def model(preset):
    return TopicModel(preset=preset, n_topics=2, epochs=40, learning_rate=0.02, seed=0)


def test_contextual_by_hand():
    """Sum of (e, 0): softplus of 0 and 1, then mean 2 h; at the start's running statistics BN is
    division by sqrt(1 + 1e-5)."""
    encoder = ContextualEncoder(CONTEXT, hidden=(1,)).eval()
    with torch.no_grad():
        encoder.body[0].weight.copy_(torch.tensor([[1.0, 1.0]]))
        encoder.body[0].bias.zero_()
        encoder.loc.linear.weight.fill_(2.0)
        encoder.loc.linear.bias.zero_()
    q = encoder(batch([[0.5, 0.5], [1.0, -1.0]]))
    expected = 2 * np.log1p(np.exp([1.0, 0.0])) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(q.mean[:, 0].detach(), expected, rtol=1e-5)


def test_combined_joins_both_by_hand():
    """log 2 + 2 log 4 = 5 log 2 of the words; softplus of it is log(1 + 32); e sums to 3 and 0."""
    encoder = CombinedEncoder(CONTEXT, width=1).eval()
    with torch.no_grad():
        encoder.words.copy_(torch.tensor([[1.0], [0.0], [2.0]]))
        encoder.project.weight.fill_(1.0)
        encoder.project.bias.zero_()
    got = encoder.read(batch([[1.0, 2.0], [1.0, -1.0]]))
    expected = torch.tensor([[np.log(33.0), 3.0], [np.log(2.0), 0.0]], dtype=torch.float32)
    torch.testing.assert_close(got.detach(), expected)


@pytest.mark.parametrize("preset", ["zeroshot-tm", "combined-tm"])
def test_separates_two_groups_and_survives_saving(two_groups, preset, tmp_path):
    counts, features = two_groups
    fitted = model(preset).fit(counts, features=features)
    theta = fitted.transform(counts, features=features)
    assert set(theta[:60].argmax(1)) != set(theta[60:].argmax(1))
    assert len(set(theta[:60].argmax(1))) == 1
    fitted.save(tmp_path / "model")
    opened = load(tmp_path / "model")
    np.testing.assert_array_equal(opened.transform(counts, features=features), theta)


def test_zero_shot_needs_no_words(two_groups):
    counts, features = two_groups
    fitted = model("zeroshot-tm").fit(counts, features=features)
    empty = fitted.transform(sp.csr_matrix((120, 10), dtype=np.float32), features=features)
    np.testing.assert_allclose(empty, fitted.transform(counts, features=features), atol=1e-6)


@pytest.mark.parametrize("preset", ["zeroshot-tm", "combined-tm"])
def test_features_are_asked_for(two_groups, preset):
    with pytest.raises(InputError, match="features"):
        model(preset).fit(two_groups[0])


@pytest.mark.parametrize(
    ("encoder", "given", "word"),
    [
        (ContextualEncoder, {"hidden": ()}, "hidden"),
        (ContextualEncoder, {"dropout": 1.0}, "dropout"),
        (CombinedEncoder, {"width": 0}, "width"),
        (CombinedEncoder, {"word_dropout": -0.1}, "word_dropout"),
    ],
)
def test_options_out_of_their_domain(encoder, given, word):
    with pytest.raises(OptionError, match=word):
        encoder(CONTEXT, **given)


@pytest.mark.parametrize("encoder", [ContextualEncoder, CombinedEncoder])
def test_features_of_another_width_are_refused(encoder):
    with pytest.raises(InputError, match="2 columns, got 3"):
        encoder(CONTEXT)(batch([[1.0, 2.0, 3.0]] * 2))


def test_neighbours_are_averaged_by_hand():
    """Of e = (1, 1) the two nearest of (3, 4), (4, 3), (-1, 0), of length 1, are the first two; what is
    averaged is their smooth vectors (1, 0) and (0, 1)."""
    encoder = NeighboursEncoder(CONTEXT, neighbours=2, known=3).eval()
    encoder.known = torch.tensor([[0.6, 0.8], [0.8, 0.6], [-1.0, 0.0]])
    encoder.smooth = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    with torch.no_grad():
        encoder.loc.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    q = encoder(batch([[1.0, 1.0], [-5.0, 0.1]]))
    # of (-5, 0.1) the nearest are (-1, 0) and (3, 4), whose smooth vectors cancel out
    expected = torch.tensor([[2 * 0.5**0.5, 4 * 0.5**0.5], [0.0, 0.0]])
    torch.testing.assert_close(q.mean.detach(), expected)


def test_neighbours_start_at_clusters_and_open_again(two_groups, tmp_path):
    counts, features = two_groups
    noisy = features + np.random.default_rng(1).normal(0, 0.25, features.shape).astype(np.float32)
    trained = model("contextual").set_params(epochs=2, encoder__known=50)
    theta = trained.fit(counts, features=noisy).transform(counts, features=noisy)
    agree = np.mean(theta.argmax(1) == features.argmax(1))
    assert max(agree, 1 - agree) == 1.0  # neighbours take the noise away
    assert trained.network_.encoder.known.shape == (40, 2)  # every third of 120
    trained.save(tmp_path / "model")
    opened = load(tmp_path / "model")
    np.testing.assert_array_equal(opened.transform(counts, features=noisy), theta)


def test_neighbours_refuse_what_cannot_be():
    for options in (
        {"neighbours": 0},
        {"rounds": 0},
        {"known": 0},
        {"sharpness": 0},
        {"dropout": 1},
    ):
        with pytest.raises(OptionError, match=f"'neighbours': option '{next(iter(options))}' must"):
            NeighboursEncoder(CONTEXT, **options)
    with pytest.raises(InputError, match="features must have 2 columns, got 3"):
        NeighboursEncoder(CONTEXT)(batch([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]]))
