"""Dropout keeps what it should, as often as it should, on any number of processes."""

import math

import pytest
import torch

from topicforge.distributed import Split, splitting
from topicforge.parts.layers import Dropout


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_keeps_a_share_scaled_up_and_drops_the_rest(p, dtype):
    x = torch.full((200, 500), 3.0, dtype=dtype)
    torch.manual_seed(0)
    y = Dropout(p)(x)
    assert y.dtype == dtype
    scale = torch.tensor(1 / (1 - p), dtype=dtype)
    assert set(y.unique().tolist()) <= {0.0, float(x[0, 0] * scale)}
    # five deviations of a binomial of 10^5 draws
    assert (y == 0).double().mean().item() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / 1e5))


def test_everything_may_be_dropped():
    assert torch.equal(Dropout(1.0)(torch.randn(4, 3)), torch.zeros(4, 3))


def test_neighbours_are_independent():
    torch.manual_seed(0)
    kept = Dropout(0.3)(torch.ones(20_000, 40)) > 0
    both = (kept[:, 1:] & kept[:, :-1]).double().mean().item()
    # five deviations of a binomial of 8 x 10^5 draws
    assert both == pytest.approx(0.49, abs=5 * math.sqrt(0.49 * 0.51 / 8e5) * 2)


def test_gradient_is_the_mask():
    torch.manual_seed(0)
    x = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    y = Dropout(0.25)(x)
    (grad,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(grad, (y / x).detach())
    assert set(grad.unique().tolist()) <= {0.0, 1 / 0.75}


def test_outside_training_nothing_is_dropped():
    x = torch.randn(4, 3)
    assert torch.equal(Dropout(0.9).eval()(x), x)


def test_a_part_of_the_documents_gets_their_rows_of_the_mask():
    x, crumbs = torch.randn(9, 5), torch.randn(12)
    torch.manual_seed(0)
    whole, entries = Dropout(0.4)(x), Dropout(0.4)(crumbs)
    torch.manual_seed(0)
    with splitting(Split(1, (2, 4, 3), (5, 6, 1))):
        assert torch.equal(Dropout(0.4)(x[2:6]), whole[2:6])
        assert torch.equal(Dropout(0.4, entries=True)(crumbs[5:11]), entries[5:11])


def test_it_says_what_it_is():
    assert repr(Dropout(0.5, entries=True)) == "Dropout(p=0.5, entries=True)"
