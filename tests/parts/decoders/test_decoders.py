"""What every built-in decoder promises, and each likelihood against its naive dense formula."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topicforge.contracts import Batch, Context
from topicforge.errors import OptionError
from topicforge.parts.decoders import EmbeddingDecoder, MixtureDecoder, MlpDecoder, ProductDecoder
from topicforge.parts.decoders import mlp as mlp_module

V, K = 6, 3
DENSE = [[0, 2, 1, 0, 0, 4], [0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1]]
FREQUENCY = torch.tensor([0.4, 0.2, 0.2, 0.1, 0.1, 0.0])
DECODERS = {
    "mixture": (MixtureDecoder, {}),
    "mixture factored": (MixtureDecoder, {"width": 4}),
    "embedding": (EmbeddingDecoder, {"width": 5}),
    "product": (ProductDecoder, {}),
    "product normed": (ProductDecoder, {"batch_norm": True}),
    "mlp": (MlpDecoder, {"hidden": (4,), "activation": "softplus"}),
    "mlp linear": (MlpDecoder, {"hidden": ()}),
    "bernoulli": (MlpDecoder, {"hidden": 4, "activation": "tanh", "likelihood": "bernoulli"}),
}
every_decoder = pytest.mark.parametrize("name", DECODERS)
in_both_modes = pytest.mark.parametrize("training", [True, False])


def make(name, **more):
    torch.manual_seed(0)
    decoder, options = DECODERS[name]
    context = Context(V, K, K, word_frequency=FREQUENCY)
    part = decoder(context, **{**options, **more})
    part.start()
    return part


def proportions(rows=4, dtype=torch.float32, seed=1):
    torch.manual_seed(seed)
    return torch.softmax(torch.randn(rows, K, dtype=dtype) * 2, 1)


def multinomial(log_p, dense):
    return (torch.tensor(dense, dtype=log_p.dtype) * log_p).sum(1)


@every_decoder
@in_both_modes
@pytest.mark.parametrize("rows", [4, 1, 0])
def test_any_number_of_documents(batch_of, name, training, rows):
    part = make(name).train(training)
    theta = proportions(rows).requires_grad_()
    value = part.log_likelihood(theta, batch_of(DENSE[:rows], V))
    assert value.shape == (rows,)
    assert value.isfinite().all()
    assert (value <= 0).all()
    value.sum().backward()
    assert theta.grad.isfinite().all()
    topics = part.topic_word(theta)
    assert topics.shape == part.word_scores(theta).shape == (rows, V)
    np.testing.assert_allclose(topics.detach().sum(1).numpy(), 1.0, rtol=1e-5)
    assert (topics > 0).all()


@every_decoder
def test_an_empty_document_costs_what_it_must(batch_of, name):
    part = make(name).eval()
    value = part.log_likelihood(proportions(1), batch_of([[0] * V], V)).item()
    if name == "bernoulli":  # absence is evidence there
        assert value < -0.5
    else:
        assert value == 0


@every_decoder
def test_a_gradient_reaches_every_trainable_parameter_and_theta(batch_of, name):
    part = make(name)
    theta = proportions().requires_grad_()
    part.log_likelihood(theta, batch_of(DENSE, V)).sum().backward()
    assert list(part.parameters())
    for key, parameter in part.named_parameters():
        assert parameter.requires_grad, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().max() > 1e-4, key
    assert (theta.grad[[0, 2, 3]].abs().sum(1) > 1e-4).all()


@every_decoder
@in_both_modes
def test_float64_throughout_and_gradients_are_right(batch_of, name, training):
    part = make(name).double().train(training)
    batch = batch_of(DENSE, V)  # counts stay float32
    theta = proportions(dtype=torch.float64).requires_grad_()
    assert part.log_likelihood(theta, batch).dtype == torch.float64
    assert part.topic_word(theta).dtype == part.word_scores(theta).dtype == torch.float64
    parameters = [p for p in part.parameters() if p.requires_grad]
    assert torch.autograd.gradcheck(
        lambda theta, *_: part.log_likelihood(theta, batch), (theta, *parameters)
    )


@every_decoder
@in_both_modes
def test_state_dict_round_trip(batch_of, name, training):
    batch, theta = batch_of(DENSE, V), proportions()
    part = make(name)
    part.log_likelihood(theta, batch)
    decoder, options = DECODERS[name]
    torch.manual_seed(9)
    other = decoder(part.context, **part.saved_options(options))
    other.load_state_dict(part.state_dict())
    for p in (part, other):
        p.train(training)
    assert torch.equal(part.log_likelihood(theta, batch), other.log_likelihood(theta, batch))
    assert torch.equal(part.topic_word(theta), other.topic_word(theta))


@every_decoder
@in_both_modes
def test_the_device_is_that_of_the_parameters(batch_of, name, training):
    part, batch, theta = make(name).train(training), batch_of(DENSE, V), proportions()
    with torch.device("meta"):  # a tensor made without a device would land there
        values = [
            part.log_likelihood(theta, batch),
            part.topic_word(theta),
            part.word_scores(theta),
        ]
    assert {value.device.type for value in values} == {"cpu"}


@pytest.mark.parametrize("name", [name for name in DECODERS if name != "bernoulli"])
def test_one_hot_topics_are_the_likelihood_of_single_words(batch_of, name):
    """topic_word and log_likelihood are one model: log p(word v | e_k) from either."""
    part = make(name).eval()
    words = batch_of(np.eye(V), V)
    topics = part.topic_word(torch.eye(K)).detach()
    for k in range(K):
        theta = torch.eye(K)[k].expand(V, K)
        log_p = part.log_likelihood(theta, words).detach()
        np.testing.assert_allclose(log_p.exp().numpy(), topics[k].numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["mixture", "mixture factored", "embedding"])
def test_mixtures_against_the_dense_formula(batch_of, name):
    part = make(name).double()
    if name == "mixture":
        logits = part.free
    elif name == "mixture factored":
        logits = torch.einsum("vw,kw->vk", part.word, part.topic)
    else:
        logits = torch.einsum("ve,ke->vk", part.rho, part.alpha)
    beta = logits.exp() / logits.exp().sum(0)
    theta = proportions(dtype=torch.float64)
    got = part.log_likelihood(theta, batch_of(DENSE, V))
    torch.testing.assert_close(got, multinomial((theta @ beta.T).log(), DENSE))
    torch.testing.assert_close(part.topic_word(theta), theta @ beta.T)
    assert part.scored_by == "probability p(word | topic)"
    torch.testing.assert_close(part.word_scores(theta), theta @ beta.T)


@pytest.mark.parametrize("name", ["mixture factored", "embedding"])
def test_factored_logits_start_at_unit_scale(name):
    torch.manual_seed(0)
    decoder, _ = DECODERS[name]
    for width in (10, 300):
        logits = decoder(Context(2000, 20, 20), width=width).logits()
        # sampling error of a deviation from 20 topic vectors: about 1 / sqrt(2 * 20 * 10)
        assert logits.std().item() == pytest.approx(1.0, abs=0.2)


def test_factored_topics_can_start_nearly_equal():
    torch.manual_seed(0)
    part = MixtureDecoder(Context(2000, 20, 20), width=500, start="xavier")
    for vectors in (part.word, part.topic):
        bound = (6 / (len(vectors) + 500)) ** 0.5
        assert vectors.abs().max().item() <= bound
        # a uniform variable's deviation; of 20 x 500 entries it is known to about 1 %
        assert vectors.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    # 500 products of independent entries: deviation sqrt(500) * 0.0490 / sqrt 3 * 0.1074 / sqrt 3
    assert part.logits().std().item() == pytest.approx(0.0392, rel=0.1)


@pytest.mark.parametrize("frequency_bias", [True, False])
@pytest.mark.parametrize("scores", ["weights", "probabilities"])
def test_product_against_the_dense_formula(batch_of, frequency_bias, scores):
    part = make("product", frequency_bias=frequency_bias, scores=scores).double()
    theta = proportions(dtype=torch.float64)
    log_p = torch.log_softmax(theta @ part.weight.T + part.bias, 1)
    torch.testing.assert_close(
        part.log_likelihood(theta, batch_of(DENSE, V)), multinomial(log_p, DENSE)
    )
    torch.testing.assert_close(part.topic_word(theta), log_p.exp())
    expected = log_p.exp() if scores == "probabilities" else theta @ part.weight.T
    torch.testing.assert_close(part.word_scores(theta), expected)
    assert ("probability" in part.scored_by) == (scores == "probabilities")
    start = FREQUENCY.clamp_min(0.1).log() if frequency_bias else torch.zeros(V)
    torch.testing.assert_close(part.bias.detach(), start.double(), atol=1e-7, rtol=0)


def batch_norm_1d(part):
    """torch's layer in the decoder's state: scale 1, the decoder's bias, eps 1e-3."""
    norm = nn.BatchNorm1d(V, eps=1e-3, dtype=part.weight.dtype)
    norm.running_mean.copy_(part.norm.running_mean)
    norm.running_var.copy_(part.norm.running_var)
    with torch.no_grad():
        norm.bias.copy_(part.bias)
    return norm


def test_product_with_batch_norm_is_batch_norm_1d_of_the_dense_logits(batch_of):
    part = make("product normed", frequency_bias=True).double()
    norm = batch_norm_1d(part)
    for step in range(3):  # the running statistics accumulate
        theta = proportions(dtype=torch.float64, seed=step)
        log_p = torch.log_softmax(norm(theta @ part.weight.T), 1)
        got = part.log_likelihood(theta, batch_of(DENSE, V))
        torch.testing.assert_close(got, multinomial(log_p, DENSE))
        torch.testing.assert_close(part.norm.running_mean, norm.running_mean)
        torch.testing.assert_close(part.norm.running_var, norm.running_var)
    # reading topics does not look at a batch, in training neither, and moves no statistics
    norm.eval()
    topics = torch.softmax(norm(torch.eye(K).double() @ part.weight.T), 1)
    torch.testing.assert_close(part.topic_word(torch.eye(K).double()), topics)
    torch.testing.assert_close(part.norm.running_mean, norm.running_mean)
    part.eval()
    log_p = torch.log_softmax(norm(theta @ part.weight.T), 1)
    torch.testing.assert_close(
        part.log_likelihood(theta, batch_of(DENSE, V)), multinomial(log_p, DENSE)
    )
    torch.testing.assert_close(part.word_scores(theta), theta @ part.weight.T)


@pytest.mark.parametrize(
    ("value", "learned"),
    [
        ("plain", {"weight"}),
        ("bias", {"weight", "bias"}),
        ("affine", {"weight", "bias", "norm.scale"}),
    ],
)
def test_product_batch_norm_learns_what_its_name_says(value, learned):
    part = make("product", batch_norm=value)
    assert {name for name, p in part.named_parameters() if p.requires_grad} == learned


def test_product_dropout_acts_on_theta_in_training(batch_of):
    part = make("product", dropout=0.5)
    theta = torch.full((400, K), 1 / K)
    batch = batch_of([[1, 2, 0, 0, 1, 3]] * 400, V)
    torch.manual_seed(0)
    values = part.log_likelihood(theta, batch)
    # each of the three entries is kept, doubled, or not: eight values a document
    masks = torch.cartesian_prod(*[torch.tensor([0.0, 2.0])] * K) / K
    possible = part.eval().log_likelihood(masks, batch_of([[1, 2, 0, 0, 1, 3]] * 8, V))
    distance = (values[:, None] - possible).abs()
    assert distance.min(1).values.max() < 1e-5
    assert distance.argmin(1).unique().numel() == 8
    assert part.log_likelihood(theta, batch).unique().numel() == 1


def hidden_units(part, theta):
    h = theta
    for layer in part.hidden.layers:
        h = part.hidden.activation(h @ layer.weight.T + layer.bias)
    return h


@pytest.mark.parametrize("name", ["mlp", "mlp linear"])
def test_mlp_against_the_dense_formula(batch_of, name):
    part = make(name).double()
    theta = proportions(dtype=torch.float64)
    log_p = torch.log_softmax(hidden_units(part, theta) @ part.weight.T + part.bias, 1)
    got = part.log_likelihood(theta, batch_of(DENSE, V))
    torch.testing.assert_close(got, multinomial(log_p, DENSE))
    torch.testing.assert_close(part.topic_word(theta), log_p.exp())
    expected = FREQUENCY.clamp_min(0.1).log().double()
    torch.testing.assert_close(part.bias.detach(), expected, atol=1e-7, rtol=0)


@pytest.mark.parametrize("tile", [1, 4, 6, 100])
def test_bernoulli_against_the_dense_formula_whatever_the_tile(batch_of, monkeypatch, tile):
    monkeypatch.setattr(mlp_module, "_TILE", tile)
    part = make("bernoulli").double()
    theta = proportions(dtype=torch.float64).requires_grad_()
    logits = hidden_units(part, theta) @ part.weight.T + part.bias
    present = (torch.tensor(DENSE) > 0).double()  # counts are binarised
    expected = -F.binary_cross_entropy_with_logits(logits, present, reduction="none").sum(1)
    got = part.log_likelihood(theta, batch_of(DENSE, V))
    torch.testing.assert_close(got, expected)
    variables = (theta, part.weight, part.bias, *part.hidden.parameters())
    for ours, dense in zip(
        torch.autograd.grad(got.sum(), variables),
        torch.autograd.grad(expected.sum(), variables),
        strict=True,
    ):
        torch.testing.assert_close(ours, dense)
    mean = torch.sigmoid(logits)
    torch.testing.assert_close(part.topic_word(theta), mean / mean.sum(1, keepdim=True))


def test_mlp_dropout_acts_in_training(batch_of):
    part = make("mlp", dropout=0.5)
    theta, batch = torch.full((200, K), 1 / K), batch_of([DENSE[0]] * 200, V)
    assert part.log_likelihood(theta, batch).unique().numel() > 8
    assert part.eval().log_likelihood(theta, batch).unique().numel() == 1


@pytest.mark.parametrize("name", ["product", "mlp"])
def test_without_frequencies_the_bias_starts_at_zero(name):
    decoder, options = DECODERS[name]
    part = decoder(Context(V, K, K), **{**options, "frequency_bias": True})
    part.start()
    assert part.bias.tolist() == [0.0] * V


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mixture", {"width": 0}, "decoder 'mixture': option 'width' must be a whole number"),
        ("mixture", {"start": "xavier"}, "option 'start' must be 'random' or 'clusters' where"),
        (
            "mixture",
            {"width": 4, "start": "clusters"},
            "option 'start' must be 'random' or 'xavier'",
        ),
        ("embedding", {"width": -3}, "decoder 'embedding': option 'width'"),
        ("product", {"scores": "weight"}, "decoder 'product': .*Did you mean 'weights'"),
        ("product", {"dropout": 1}, "decoder 'product': option 'dropout'"),
        ("mlp", {"hidden": (0,)}, "decoder 'mlp': option 'hidden' must be positive whole numbers"),
        ("mlp", {"hidden": "wide"}, "decoder 'mlp': option 'hidden'"),
        ("mlp", {"activation": "swish"}, "decoder 'mlp': option 'activation' must be one of relu"),
        ("mlp", {"dropout": -0.5}, "decoder 'mlp': option 'dropout'"),
        ("mlp", {"likelihood": "poisson"}, "'likelihood' must be one of multinomial, bernoulli"),
    ],
)
def test_refusals(name, options, message):
    with pytest.raises(OptionError, match=message):
        make(name, **options)


@pytest.mark.parametrize("words", [7, 300])
def test_fixed_word_vectors_are_trained_on_without_a_matrix_of_all_words(words):
    """The normaliser is streamed in training; value and gradients are those of softmax(rho alpha^T)."""
    torch.manual_seed(0)
    context = Context(words, K, K)
    decoder = EmbeddingDecoder(context, width=6, train_vectors=False).double()
    crow = torch.tensor([0, 2, 2, 5])
    col = torch.tensor([0, 3, 1, 2, 3])
    batch = Batch(crow, col, torch.tensor([1.0, 2.0, 1.0, 3.0, 1.0]).double(), words)
    theta = torch.rand(3, K).double().softmax(1).requires_grad_()
    found = []
    for way in (decoder.train(), decoder.eval()):
        loss = way.log_likelihood(theta, batch)
        loss[[0, 2]].sum().backward()
        found.append((loss.detach(), theta.grad.clone(), decoder.alpha.grad.clone()))
        theta.grad = decoder.alpha.grad = None
    for streamed, whole in zip(*found, strict=True):
        torch.testing.assert_close(streamed, whole, rtol=1e-10, atol=1e-12)
