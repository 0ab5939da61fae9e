"""Dense stacks and encoder heads against their formulas, and the bias started at frequencies."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from topicforge.errors import OptionError
from topicforge.parts.layers import Head, Mlp, activation, start_at_log_frequency

PLAIN = {
    "relu": lambda x: x.clamp(min=0),
    "softplus": lambda x: torch.log1p(x.exp()),
    "tanh": torch.tanh,
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_activations_are_what_their_names_say(name):
    x = torch.linspace(-3, 3, 7)
    torch.testing.assert_close(activation("part", name)(x), PLAIN[name](x))


def test_mlp_is_dense_then_activation_a_layer():
    torch.manual_seed(0)
    mlp = Mlp((3, 5, 2), torch.tanh)
    x = torch.randn(4, 3)
    first, second = mlp.layers
    expected = torch.tanh(second(torch.tanh(x @ first.weight.T + first.bias)))
    torch.testing.assert_close(mlp(x), expected)
    assert torch.equal(Mlp((3,), torch.tanh)(x), x)


def test_mlp_drops_units_in_training_alone():
    torch.manual_seed(0)
    mlp = Mlp((3, 1000), F.softplus, dropout=0.25)
    x = torch.randn(2, 3)
    kept = mlp(x) != 0
    # 2000 units kept with chance 3/4: a deviation of 0.0097
    assert abs(kept.float().mean().item() - 0.75) < 0.04
    assert (mlp.eval()(x) != 0).all()


def test_head_is_dense_or_a_scaled_batch_norm_without_the_dense_bias():
    torch.manual_seed(0)
    h = torch.randn(5, 4)
    plain, normed = (
        Head("encoder", 4, 3, batch_norm=False),
        Head("encoder", 4, 3, batch_norm=True, scale=2.5),
    )
    torch.testing.assert_close(plain(h), h @ plain.linear.weight.T + plain.linear.bias)
    torch.nn.init.normal_(normed.norm.bias)
    y = h @ normed.linear.weight.T
    expected = (y - y.mean(0)) / (y.var(0, correction=0) + 1e-3).sqrt() + normed.norm.bias
    torch.testing.assert_close(normed(h), 2.5 * expected)
    assert normed.linear.bias is None


@pytest.mark.parametrize("batch_norm", [True, False, "bias"])
def test_head_starts_where_it_is_told(batch_norm):
    torch.manual_seed(0)
    head = Head("encoder", 4, 3, batch_norm=batch_norm, scale=2.0 if batch_norm else 1.0)
    h = torch.randn(5, 4)
    assert head.eval()(h).detach().std() > 0.1
    head.start_at(-1.5)
    np.testing.assert_allclose(head(h).detach().numpy(), -1.5)
    np.testing.assert_allclose(head.train()(h).detach().numpy(), -1.5)
    (head(h) * torch.randn(5, 3)).sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in head.parameters())


def test_head_without_a_learned_bias_can_only_start_at_zero():
    head = Head("encoder", 4, 3, batch_norm="plain")
    head.start_at(0.0)
    assert torch.equal(head(torch.randn(5, 4)), torch.zeros(5, 3))
    with pytest.raises(
        OptionError, match=r"encoder: option 'batch_norm' must be 'bias' or 'affine'"
    ):
        head.start_at(-1.0)


@pytest.mark.parametrize(
    ("value", "learned"),
    [("plain", set()), ("bias", {"bias"}), (True, {"bias"}), ("affine", {"bias", "scale"})],
)
def test_batch_norm_learns_what_its_name_says(value, learned):
    norm = Head("encoder", 4, 3, batch_norm=value).norm
    assert {name for name, _ in norm.named_parameters()} == learned


@pytest.mark.parametrize("value", ["fixed", 1, None])
def test_no_other_batch_norm(value):
    with pytest.raises(OptionError, match="batch_norm"):
        Head("encoder", 4, 3, batch_norm=value)


def test_frequency_bias_counts_unseen_words_as_the_rarest():
    bias = torch.zeros(4, dtype=torch.float64)
    start_at_log_frequency(bias, torch.tensor([0.5, 0.4, 0.1, 0.0]))
    # frequencies are float32
    np.testing.assert_allclose(bias.exp().numpy(), [0.5, 0.4, 0.1, 0.1], rtol=1e-6)
    start_at_log_frequency(bias, None)
    np.testing.assert_allclose(bias.exp().numpy(), [0.5, 0.4, 0.1, 0.1], rtol=1e-6)
