"""Our batch norm against torch's, on activations and folded into the weight before it."""

import numpy as np
import pytest
import torch
from torch import nn

from topicforge.parts.layers import BatchNorm


def torchs(ours):
    """torch's BatchNorm1d in ours' state, with the scale at 1 where ours is fixed."""
    width = ours.running_mean.shape[0]
    theirs = nn.BatchNorm1d(width, eps=1e-3, momentum=0.1, dtype=ours.running_mean.dtype)
    theirs.running_mean.copy_(ours.running_mean)
    theirs.running_var.copy_(ours.running_var)
    if ours.bias is not None:
        with torch.no_grad():
            theirs.bias.copy_(ours.bias)
    if ours.scale is not None:
        with torch.no_grad():
            theirs.weight.copy_(ours.scale)
    return theirs.train(ours.training)


def with_state(width, *, bias=True, scale=False, dtype=torch.float64):
    layer = BatchNorm(width, bias=bias, scale=scale).to(dtype)
    with torch.no_grad():
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.5, 2)
        if bias:
            layer.bias.normal_()
        if scale:
            layer.scale.normal_()
    return layer


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("scale", [False, True])
def test_equals_torchs(scale, training):
    torch.manual_seed(0)
    layer = with_state(4, scale=scale).train(training)
    theirs = torchs(layer)
    x = torch.randn(6, 4, dtype=torch.float64)
    torch.testing.assert_close(layer(x), theirs(x))
    torch.testing.assert_close(layer.running_mean, theirs.running_mean)
    torch.testing.assert_close(layer.running_var, theirs.running_var)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("bias", "scale"), [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_folded_equals_torchs_on_the_dense_product(training, bias, scale, dtype):
    torch.manual_seed(0)
    layer = with_state(5, bias=bias, scale=scale, dtype=dtype).train(training)
    theirs = torchs(layer)
    x = torch.softmax(torch.randn(7, 3, dtype=dtype), -1).requires_grad_()
    weight = torch.randn(5, 3, dtype=dtype, requires_grad=True)
    folded, shift = layer.fold(x, weight)
    ours, dense = x @ folded.T + shift, theirs(x @ weight.T)
    torch.testing.assert_close(ours, dense)
    torch.testing.assert_close(layer.running_mean, theirs.running_mean)
    torch.testing.assert_close(layer.running_var, theirs.running_var)
    goal = torch.randn(7, 5, dtype=dtype)
    expected = torch.autograd.grad((dense * goal).sum(), (x, weight))
    got = torch.autograd.grad((ours * goal).sum(), (x, weight))
    torch.testing.assert_close(
        got, expected, rtol=1e-4, atol=1e-4 if dtype.itemsize == 4 else 1e-10
    )


@pytest.mark.parametrize("scale", [False, True])
def test_folded_gradients_are_the_slopes(scale):
    torch.manual_seed(0)
    layer = with_state(5, bias=True, scale=scale)
    learned = [layer.bias, *([layer.scale] if scale else [])]
    x = torch.softmax(torch.randn(7, 3, dtype=torch.float64), -1).requires_grad_()
    weight = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x, w, *_: layer.fold(x, w), (x, weight, *learned))


def test_without_a_batch_the_running_statistics_are_folded_also_in_training():
    torch.manual_seed(0)
    layer = with_state(5).train()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    weight = torch.randn(5, 3, dtype=torch.float64)
    folded, shift = layer.fold(None, weight)
    x = torch.randn(2, 3, dtype=torch.float64)
    torch.testing.assert_close(x @ folded.T + shift, torchs(layer.eval())(x @ weight.T))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("training", [True, False])
def test_one_row_and_none_use_the_running_statistics_and_leave_them(rows, training):
    layer = with_state(4).train(training)
    before = layer.running_mean.clone(), layer.running_var.clone()
    x = torch.randn(rows, 4, dtype=torch.float64)
    expected = (x - before[0]) * (before[1] + 1e-3).rsqrt() + layer.bias
    torch.testing.assert_close(layer(x), expected)
    weight = torch.eye(4, dtype=torch.float64)
    folded, shift = layer.fold(x, weight)
    torch.testing.assert_close(x @ folded.T + shift, expected)
    assert torch.equal(layer.running_mean, before[0])
    assert torch.equal(layer.running_var, before[1])


def test_constant_columns_stay_finite():
    layer = BatchNorm(2)
    y = layer(torch.full((3, 2), 7.0))
    # the mean of three sevens may be off by float32's 5e-7, and 1 / sqrt(eps) is 32
    np.testing.assert_allclose(y.detach().numpy(), 0.0, atol=3e-5)


def test_the_bias_is_the_only_thing_learned():
    assert [name for name, p in BatchNorm(3).named_parameters() if p.requires_grad] == ["bias"]
    assert not list(BatchNorm(3, bias=False).parameters())
    assert len(list(BatchNorm(3, scale=True).parameters())) == 2
