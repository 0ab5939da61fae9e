"""What the first layer sees of each count, and the layers behind it."""

import numpy as np
import pytest
import torch

from topicforge.errors import OptionError, UnknownNameError
from topicforge.parts.encoders.trunk import INPUTS, Trunk, input_values

DENSE = np.array([[0.0, 2.0, 6.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])


def transformed(dense, transform):
    x = np.asarray(dense, dtype=float)
    if transform == "normalized":
        return x / np.maximum(x.sum(1, keepdims=True), 1)
    if transform.startswith("log1p"):
        x = np.log(1 + x)
    if transform == "log1p-normalized":
        x = x / np.maximum(np.sqrt((x**2).sum(1, keepdims=True)), 1e-9)
    return x


@pytest.mark.parametrize("transform", INPUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_input_values_against_the_dense_formula(batch_of, transform, dtype):
    batch = batch_of(DENSE, 3, dtype)
    got = np.zeros((3, 3))
    values = input_values(batch, transform)
    assert str(values.dtype) == f"torch.{dtype}"
    got[batch.row, batch.col] = values
    np.testing.assert_allclose(got, transformed(DENSE, transform), rtol=1e-6)


@pytest.mark.parametrize("transform", INPUTS)
@pytest.mark.parametrize("rows", [[], [[0, 0, 0]]])
def test_nothing_is_divided_by_zero(batch_of, transform, rows):
    assert input_values(batch_of(rows, 3), transform).shape == (0,)


@pytest.mark.parametrize("transform", INPUTS)
def test_huge_and_tiny_counts_stay_finite(batch_of, transform):
    values = input_values(batch_of([[1e-6, 1e30, 3.0], [1e-6, 0, 0]], 3), transform)
    assert values.isfinite().all()


@pytest.mark.parametrize("transform", INPUTS)
def test_forward_is_the_dense_network(batch_of, transform):
    torch.manual_seed(0)
    trunk = Trunk("encoder 'x'", 3, (4, 2), "tanh", 0.0, transform).double()
    with torch.no_grad():
        trunk.bias.normal_()
    x = torch.tensor(transformed(DENSE, transform))
    (second,) = trunk.rest.layers
    h = torch.tanh(x @ trunk.words.weight + trunk.bias)
    expected = torch.tanh(h @ second.weight.T + second.bias)
    # 1e-6 because the batch's counts, and what is made of them, are float32
    torch.testing.assert_close(trunk(batch_of(DENSE, 3)), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(trunk(batch_of(DENSE, 3, "float64")), expected)
    assert trunk.width == 2


def test_word_dropout_hides_whole_words_in_training_and_scales_the_others(batch_of):
    torch.manual_seed(0)
    trunk = Trunk("encoder 'x'", 3, (400,), "softplus", 0.0, "counts", word_dropout=0.5)
    batch = batch_of([[0, 2, 0]] * 64, 3)
    kept = torch.nn.functional.softplus(4 * trunk.words.weight[1])  # 2 / (1 - 0.5)
    hidden = torch.nn.functional.softplus(torch.zeros(400))
    out = trunk(batch)
    is_kept = (out - kept).abs().max(1).values < 1e-5
    is_hidden = (out - hidden).abs().max(1).values < 1e-5
    assert (is_kept ^ is_hidden).all()
    assert 16 < is_kept.sum() < 48  # 64 fair coins: 4 deviations are 16
    plain = torch.nn.functional.softplus(2 * trunk.words.weight[1]).expand(64, 400)
    torch.testing.assert_close(trunk.eval()(batch), plain)


def test_dropout_acts_on_the_last_layer_in_training(batch_of):
    torch.manual_seed(0)
    trunk = Trunk("encoder 'x'", 3, (2000,), "softplus", 0.25, "counts")
    batch = batch_of([[1, 2, 0]], 3)
    whole, dropped = trunk.eval()(batch), trunk.train()(batch)
    kept = dropped != 0
    assert abs(kept.float().mean().item() - 0.75) < 0.04  # 4 deviations of 0.0097
    torch.testing.assert_close(dropped[kept], whole[kept] / 0.75)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": ()}, "'hidden' must be positive whole numbers"),
        ({"hidden": (3, -1)}, "'hidden'"),
        ({"activation_name": "rellu"}, "Did you mean 'relu'"),
        ({"dropout": 1.0}, "'dropout'"),
        ({"word_dropout": "half"}, "'word_dropout'"),
        ({"transform": "log1p-normalised"}, "Did you mean 'log1p-normalized'"),
    ],
)
def test_refusals_name_the_encoder_and_the_option(change, message):
    good = {"hidden": 4, "activation_name": "relu", "dropout": 0.0, "transform": "counts"}
    Trunk("encoder 'x'", 3, **good)
    with pytest.raises(OptionError, match=message) as caught:
        Trunk("encoder 'x'", 3, **{**good, **change})
    assert str(caught.value).startswith("encoder 'x': ")
    assert isinstance(caught.value, UnknownNameError) == ("Did you mean" in message)
