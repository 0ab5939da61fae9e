"""The sliced Wasserstein distance by hand, against POT and in its known expectation."""

import math

import ot
import pytest
import torch
from torch.nn import functional as F

from topicforge_sinkhorn.sliced import sliced_wasserstein


def directions(width, n):
    return F.normalize(torch.randn(width, n, dtype=torch.float64), dim=0)


def test_on_a_line_by_hand():
    """Sorted: 0-2, 1-2.5, 4-9, so (4 + 2.25 + 25) / 3; both directions of a line agree."""
    x = torch.tensor([[4.0], [0.0], [1.0]])
    y = torch.tensor([[9.0], [2.0], [2.5]])
    for way in (1.0, -1.0):
        got = sliced_wasserstein(x, y, torch.tensor([[way]]))
        assert got.item() == pytest.approx(31.25 / 3)


def test_against_pot():
    torch.manual_seed(0)
    x = torch.randn(40, 6, dtype=torch.float64)
    y = 2 * torch.randn(40, 6, dtype=torch.float64) + 1
    w = directions(6, 30)
    expected = ot.sliced_wasserstein_distance(x, y, projections=w, p=2) ** 2
    assert sliced_wasserstein(x, y, w).item() == pytest.approx(expected.item(), rel=1e-10)


def test_a_shift_costs_its_square_over_the_width():
    """W_2^2 along w of a shift s is (s . w)^2, whose mean over the sphere in R^L is |s|^2 / L."""
    torch.manual_seed(0)
    x = torch.randn(10, 5, dtype=torch.float64)
    shift = torch.tensor([1.0, -2.0, 0.0, 0.5, 3.0], dtype=torch.float64)
    n = 20_000
    got = sliced_wasserstein(x, x + shift, directions(5, n)).item()
    expected = shift.square().sum().item() / 5
    # (s . w)^2 / |s|^2 is Beta(1/2, 2): variance 2 (L - 1) / (L^2 (L + 2)); four deviations
    deviation = 5 * expected * math.sqrt(2 * 4 / (25 * 7) / n)
    assert got == pytest.approx(expected, abs=4 * deviation)


def test_zero_at_equal_samples_in_any_order_and_symmetric():
    torch.manual_seed(0)
    x, y = torch.randn(2, 9, 4, dtype=torch.float64)
    w = directions(4, 7)
    assert sliced_wasserstein(x, x[torch.randperm(9)], w).item() == pytest.approx(0, abs=1e-30)
    assert sliced_wasserstein(x, y, w).item() == sliced_wasserstein(y, x, w).item() > 0


def test_gradient_of_both_sides():
    torch.manual_seed(0)
    x, y = torch.randn(2, 6, 3, dtype=torch.float64)
    w = directions(3, 5)
    inputs = (x.requires_grad_(), y.requires_grad_())
    assert torch.autograd.gradcheck(lambda x, y: sliced_wasserstein(x, y, w), inputs)
