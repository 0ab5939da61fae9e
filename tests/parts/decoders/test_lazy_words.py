"""Word vectors that pay the normaliser's push when their word occurs."""

import numpy as np
import pytest
import torch

from topicforge import TopicModel, load
from topicforge.contracts import Context
from topicforge.errors import OptionError
from topicforge.parts.decoders import EmbeddingDecoder
from topicforge.parts.decoders import lazy_words as module

V, K, E = 7, 3, 4


def decoders(n_topics=K, vocab_size=V, seed=0):
    """A lazy decoder and an exact one with the same weights, in float64."""
    made = []
    for lazy in (True, False):
        torch.manual_seed(seed)
        context = Context(vocab_size=vocab_size, n_topics=n_topics, n_latent=n_topics)
        made.append(EmbeddingDecoder(context, width=E, lazy_words=lazy).double())
    return made


def thetas(rows, columns=K, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(torch.randn(rows, columns, generator=generator, dtype=torch.float64), 1)


def gradients(decoder, theta, batch):
    theta = theta.clone().requires_grad_()
    decoder.zero_grad()
    value = decoder.log_likelihood(theta, batch)
    value.sum().backward()
    return value.detach(), theta.grad, decoder.rho.grad, decoder.alpha.grad


FEW = [[0, 2, 1, 0, 0, 4, 0], [0, 0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0, 0]]


def test_with_all_words_in_every_step_it_is_the_exact_gradient(batch_of):
    lazy, exact = decoders()
    for step in range(3):
        batch = batch_of(np.arange(1, 15).reshape(2, 7) % (step + 3) + 1, V, "float64")
        both = [gradients(decoder, thetas(2), batch) for decoder in (lazy, exact)]
        for a, b in zip(*both, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_the_value_and_the_gradient_of_theta_are_exact_in_every_step(batch_of):
    lazy, exact = decoders()
    for _ in range(3):
        both = [
            gradients(decoder, thetas(3), batch_of(FEW, V, "float64")) for decoder in (lazy, exact)
        ]
        for a, b in zip(*[found[:2] for found in both], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
        absent = both[0][2][[3, 4, 6]]
        assert torch.equal(absent, torch.zeros_like(absent))
        assert both[1][2][[3, 4, 6]].abs().min() > 0


def test_large_logits_keep_the_value(batch_of):
    lazy, exact = decoders()
    with torch.no_grad():  # a sum of exponentials would overflow
        for decoder in (lazy, exact):
            decoder.rho *= 1000
    batch = batch_of(FEW, V, "float64")
    for a, b in zip(*[gradients(d, thetas(3), batch)[:2] for d in (lazy, exact)], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=0)


def test_hand_worked():
    """One topic, logits 0: beta = 1/2 each; c = beta_0 G_0 = -x for a document of word 0 alone."""
    context = Context(vocab_size=2, n_topics=1, n_latent=1)
    decoder = EmbeddingDecoder(context, width=1, lazy_words=True).double()
    with torch.no_grad():
        decoder.rho.zero_()
        decoder.alpha.fill_(1.0)
    for words, waited in (([0], [1]), ([0], [1]), ([1], [3]), ([0, 1], [2, 1])):
        decoder.zero_grad()
        beta = decoder.lazy_words(decoder.rho, decoder.alpha, torch.tensor(words))
        assert beta.tolist() == [[0.5]] * len(words)
        (-beta[0, 0].log()).backward()
        # dl = beta (G - n c): -1 for the word itself, and n / 2 for each word of the step
        expected = torch.zeros(2, 1, dtype=torch.float64)
        expected[words[0]] -= 1.0
        expected[words, 0] += torch.tensor(waited, dtype=torch.float64) / 2
        assert torch.equal(decoder.rho.grad, expected)


def test_what_was_paid_and_what_is_owed_is_what_dense_training_pays(batch_of):
    """At weights that stand still the sums over steps agree to rounding, whatever the batches."""
    rng = np.random.default_rng(0)
    batches = [rng.poisson(0.3, (2, V)) * rng.integers(1, 4, (2, V)) for _ in range(40)]
    lazy, exact = decoders()
    sums = []
    for decoder in (lazy, exact):
        total = [torch.zeros_like(decoder.rho), torch.zeros_like(decoder.alpha)]
        for step, counts in enumerate(batches):
            batch = batch_of(counts, V, "float64")
            found = gradients(decoder, thetas(2, seed=step), batch)[2:]
            total = [a + b for a, b in zip(total, found, strict=True)]
        sums.append([x.detach() for x in total])
    ledger = lazy.lazy_words
    owed = ((ledger.total - ledger.paid) * exact.beta()).detach()
    assert (owed.abs().sum(1) > 0).sum() >= 2
    for ours, theirs, more in (
        (sums[0][0], sums[1][0], owed @ exact.alpha), (sums[0][1], sums[1][1], owed.T @ exact.rho)
    ):  # fmt: skip
        assert (ours - theirs).abs().max() > 0.1
        torch.testing.assert_close(ours + more.detach(), theirs, rtol=1e-11, atol=1e-11)


def test_sums_that_start_anew_change_nothing(batch_of, monkeypatch):
    steps = [batch_of(np.roll(FEW, step, 1), V, "float64") for step in range(9)]
    found = []
    for size in (1024, 2, 1):
        monkeypatch.setattr(module, "ROUND", size)
        lazy, _ = decoders()
        found.append([gradients(lazy, thetas(3), batch)[2:] for batch in steps])
        assert (float(lazy.lazy_words.total.abs().sum()) == 0) == (size == 1)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_sgd_ends_where_dense_sgd_ends(batch_of):
    """Two topics, twelve words drawn by rank, two documents per step, steps that shrink."""
    n_words, n_documents, n_steps = 12, 40, 600
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, n_words + 1)
    topics = np.stack([share, share[::-1]]) / share.sum()
    theta = torch.from_numpy(rng.dirichlet([0.5, 0.5], n_documents))
    counts = np.stack([rng.multinomial(8, row) for row in theta.numpy() @ topics])
    whole = batch_of(counts, n_words, "float64")
    pairs = [rng.choice(n_documents, 2, replace=False) for _ in range(n_steps)]
    batches = [batch_of(counts[rows], n_words, "float64") for rows in pairs]
    ends = []
    for decoder in decoders(2, n_words):
        sgd = torch.optim.SGD(decoder.parameters(), 0.1)
        for step, (rows, batch) in enumerate(zip(pairs, batches, strict=True)):
            sgd.param_groups[0]["lr"] = 0.1 / (1 + step / 100)
            sgd.zero_grad()
            (-decoder.log_likelihood(theta[rows], batch).sum() / 16).backward()
            sgd.step()
        decoder.eval()
        with torch.no_grad():
            loss = -float(decoder.log_likelihood(theta, whole).sum()) / counts.sum()
        ends.append((loss, decoder.beta().detach()))
    (lazy, lazy_beta), (dense, dense_beta) = ends
    start = decoders(2, n_words)[1].beta().detach()
    # A push paid late is that of the beta of then: an error of the order of one step. Paid with the c
    # of then, which words of a topic meet in batches of that topic, the ends are 0.1 apart.
    assert abs(lazy - dense) < 2e-4
    assert (start - dense_beta).abs().sum() > 1.5
    assert (lazy_beta - dense_beta).abs().sum() < 5e-3


@pytest.mark.parametrize("rows", [FEW, [], [[0] * 7]])
def test_the_sparse_gradient_is_the_dense_one(batch_of, rows):
    batch = batch_of(rows, V, "float64")
    (first, _), (second, _) = decoders(), decoders()
    assert second.use_row_gradients(True)
    for _ in range(3):
        a, b = (gradients(d, thetas(len(rows)), batch) for d in (first, second))
        assert b[2].is_sparse
        assert b[2]._indices()[0].tolist() == batch.col.unique().tolist()
        torch.testing.assert_close(a[2], b[2].to_dense(), rtol=0, atol=0)
        torch.testing.assert_close(a[3], b[3], rtol=0, atol=0)


def test_only_learning_counts_as_a_step(batch_of):
    lazy, exact = decoders()
    batch = batch_of(FEW, V, "float64")
    gradients(lazy, thetas(3), batch)
    lazy.eval()
    for a, b in zip(*(gradients(d, thetas(3), batch) for d in (lazy, exact)), strict=True):
        assert torch.equal(a, b)
    lazy.train()
    with torch.no_grad():
        lazy.log_likelihood(thetas(3), batch)
    lazy.rho.requires_grad_(False)
    lazy.log_likelihood(thetas(3), batch)
    assert int(lazy.lazy_words.step) == 1
    seen = (lazy.lazy_words.paid != 0).all(1)
    assert seen.tolist() == [True, True, True, False, False, True, False]


def test_what_is_owed_goes_through_state_dict(batch_of):
    (lazy, _), (again, _) = decoders(), decoders()
    gradients(lazy, thetas(3), batch_of(FEW, V, "float64"))
    again.load_state_dict(lazy.state_dict())
    batch = batch_of([[0, 0, 0, 2, 1, 1, 0]], V, "float64")
    for a, b in zip(*(gradients(d, thetas(1), batch) for d in (lazy, again)), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("optimiser", ["adam", "lazy-adam"])
def test_a_model_trains_with_it_and_opens_again(planted, tmp_path, optimiser):
    model = TopicModel(
        preset="etm", n_topics=3, epochs=30, learning_rate=1e-2, optimiser=optimiser, batch_size=50,
        encoder__hidden=(16,), decoder__width=8, decoder__lazy_words=True,
    ).fit(planted[0])  # fmt: skip
    assert model.network_.decoder.lazy_words.row_sparse == (optimiser == "lazy-adam")
    assert int(model.network_.decoder.lazy_words.step) == 30 * 6
    assert model.history_[-1].reconstruction < model.history_[0].reconstruction
    model.save(tmp_path / "model")
    theta = load(tmp_path / "model").transform(planted[0])
    assert np.array_equal(theta, model.transform(planted[0]))


def test_refusals():
    context = Context(vocab_size=V, n_topics=K, n_latent=K)
    with pytest.raises(OptionError, match="'lazy_words' must be True or False"):
        EmbeddingDecoder(context, lazy_words="yes")
    with pytest.raises(OptionError, match="'lazy_words' must be False where train_vectors"):
        EmbeddingDecoder(context, lazy_words=True, train_vectors=False)
