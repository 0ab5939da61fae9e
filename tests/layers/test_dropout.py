"""Dropout keeps what it should, as often as it should, whoever has the documents."""

import math

import pytest
import torch

from topicforge.distributed import Share, sharing
from topicforge.layers import Dropout


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_keeps_a_share_scaled_up_and_drops_the_rest(p, dtype):
    x = torch.full((200, 500), 3.0, dtype=dtype)
    torch.manual_seed(0)
    y = Dropout(p)(x)
    assert y.dtype == dtype
    assert set(y.unique().tolist()) <= {
        0.0,
        float(x[0, 0] * torch.tensor(1 / (1 - p), dtype=dtype)),
    }
    # five deviations of a binomial of 10^5 draws
    assert (y == 0).double().mean().item() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / 1e5))


def test_everything_may_be_dropped():
    assert torch.equal(Dropout(1.0)(torch.randn(4, 3)), torch.zeros(4, 3))


def test_mask_and_gradient_are_those_of_uniform_numbers():
    x = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    y = Dropout(0.25)(x)
    torch.manual_seed(0)
    mask = torch.rand(6, 5, dtype=torch.float64) >= 0.25
    torch.testing.assert_close(y, x * mask / 0.75)
    (grad,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(grad, mask.double() / 0.75)


def test_outside_training_nothing_is_dropped():
    x = torch.randn(4, 3)
    assert torch.equal(Dropout(0.9).eval()(x), x)


def test_a_share_of_the_documents_gets_their_rows_of_the_mask():
    x, crumbs = torch.randn(9, 5), torch.randn(12)
    torch.manual_seed(0)
    whole, entries = Dropout(0.4)(x), Dropout(0.4)(crumbs)
    torch.manual_seed(0)
    with sharing(Share(1, (2, 4, 3), (5, 6, 1))):
        assert torch.equal(Dropout(0.4)(x[2:6]), whole[2:6])
        assert torch.equal(Dropout(0.4, entries=True)(crumbs[5:11]), entries[5:11])


def test_it_says_what_it_is():
    assert repr(Dropout(0.5, entries=True)) == "Dropout(p=0.5, entries=True)"
