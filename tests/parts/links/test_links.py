"""z -> log theta: on the simplex, differentiable, exactly the formula."""

import numpy as np
import pytest
import torch

from topicforge.contracts import Context
from topicforge.errors import MixError
from topicforge.parts.links import LinearSoftmaxLink, SimplexLink, SoftmaxLink


def context(n_topics=4, n_latent=4):
    return Context(vocab_size=9, n_topics=n_topics, n_latent=n_latent)


@pytest.mark.parametrize("link", [SoftmaxLink, LinearSoftmaxLink, SimplexLink])
@pytest.mark.parametrize("rows", [3, 1, 0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_log_proportions_and_carry_gradients(link, rows, dtype):
    torch.manual_seed(0)
    part = link(context()).to(dtype)
    z = (torch.randn(rows, 4, dtype=dtype) * 5).requires_grad_()
    log_theta = part(z)
    assert log_theta.shape == (rows, 4)
    assert log_theta.dtype == dtype
    np.testing.assert_allclose(log_theta.detach().exp().sum(1).numpy(), 1.0, rtol=1e-5)
    (log_theta * torch.randn_like(log_theta)).sum().backward()
    assert all(p.grad is not None for p in part.parameters())
    assert rows == 0 or (z.grad.abs().sum(1) > 0).all()


def test_softmax_is_softmax():
    z = torch.tensor([[0.0, np.log(3.0)], [800.0, 0.0]])
    part = SoftmaxLink(context(2, 2))
    np.testing.assert_allclose(part(z).exp().numpy(), [[0.25, 0.75], [1.0, 0.0]], rtol=1e-6)
    assert part(z)[1, 1] == -800  # in log space nothing underflows
    assert part.softmax


def test_softmax_needs_a_latent_as_wide_as_the_topics():
    with pytest.raises(MixError, match=r"n_latent=3 and n_topics=4.*link='linear-softmax'"):
        SoftmaxLink(context(4, 3))


@pytest.mark.parametrize("bias", [True, False])
def test_linear_softmax_maps_any_width(bias):
    torch.manual_seed(0)
    part = LinearSoftmaxLink(context(4, 3), bias=bias).double()
    z = torch.randn(5, 3, dtype=torch.float64)
    logits = z @ part.linear.weight.T + (part.linear.bias if bias else 0)
    torch.testing.assert_close(part(z).exp(), torch.softmax(logits, 1))
    assert (part.linear.bias is not None) == bias
    assert not part.softmax
    other = LinearSoftmaxLink(context(4, 3), bias=bias).double()
    other.load_state_dict(part.state_dict())
    assert torch.equal(other(z), part(z))


def test_simplex_leaves_log_theta_and_sends_z_through_softmax():
    part = SimplexLink(context())
    log_theta = torch.log_softmax(torch.randn(5, 4, dtype=torch.float64), 1)
    torch.testing.assert_close(part(log_theta), log_theta)
    torch.testing.assert_close(part(log_theta + 7), log_theta)
    assert part.accepts == "theta"
    assert SoftmaxLink.accepts == LinearSoftmaxLink.accepts == "z"
