"""The transport plan by hand and against POT; its speed comes from warm starts, not from less."""

import math

import numpy as np
import ot
import pytest
import torch

from topicforge_ecr.transport import sinkhorn


def problem(v, k, dtype=torch.float64, size=1.0):
    torch.manual_seed(0)
    cost = size * torch.rand(v, k, dtype=dtype)
    a = torch.rand(v, dtype=dtype) + 0.1
    b = torch.rand(k, dtype=dtype) + 0.1
    return cost, a / a.sum(), b / b.sum()


@pytest.mark.parametrize("e", [0.01, 0.05, 1.0])
def test_against_pot(e):
    cost, a, b = problem(40, 6)
    got = sinkhorn(cost, a, b, e, tolerance=1e-13, max_sweeps=20_000)
    expected = ot.sinkhorn(
        a.numpy(), b.numpy(), cost.numpy(), e, method="sinkhorn_log", stopThr=1e-13,
        numItermax=20_000,
    )  # fmt: skip
    np.testing.assert_allclose(got.plan.numpy(), expected, atol=1e-10)
    kl = (expected * np.log(expected / np.outer(a, b))).sum()
    assert got.value.item() == pytest.approx((expected * cost.numpy()).sum() + e * kl, abs=1e-9)


def test_two_by_two_by_hand():
    """Cost 0 on the diagonal and 1 off it, halves: P = [[p, 1/2 - p], ...], p / (1/2 - p) = e^(1/e).

    At e = 1 / log 3 the odds are 3, so p = 3/8; <P, C> = 1/4, KL = 3/4 log(3/2) + 1/4 log(1/2).
    """
    half = torch.full((2,), 0.5, dtype=torch.float64)
    e = 1 / math.log(3)
    got = sinkhorn(1 - torch.eye(2, dtype=torch.float64), half, half, e, tolerance=1e-15)
    expected = torch.tensor([[3 / 8, 1 / 8], [1 / 8, 3 / 8]], dtype=torch.float64)
    torch.testing.assert_close(got.plan, expected)
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert got.value.item() == pytest.approx(0.25 + e * kl)


def test_equal_costs_give_the_product():
    _, a, b = problem(7, 3)
    got = sinkhorn(torch.full((7, 3), 2.0, dtype=torch.float64), a, b, 0.1)
    torch.testing.assert_close(got.plan, torch.outer(a, b))
    assert got.value.item() == pytest.approx(2.0)


@pytest.mark.parametrize("size", [1.0, 100.0, 1e4])
def test_marginals_in_float32_however_large_the_costs(size):
    """Costs up to 10^4 epsilons: exp(-C / e) is 0 in float32 from 103 on."""
    cost, a, b = problem(500, 8, torch.float32, size)
    got = sinkhorn(cost, a, b, 1.0, tolerance=1e-3, max_sweeps=20_000)
    assert torch.isfinite(got.plan).all()
    assert torch.isfinite(got.value)
    # a row is exp of numbers as large as size, whose last bit is size * 6e-8
    torch.testing.assert_close(got.plan.sum(1), a, rtol=1e-5 + size * 4e-7, atol=0)
    assert got.error <= 1e-3
    assert (got.plan.sum(0) - b).abs().sum().item() == pytest.approx(got.error)


def test_topics_far_from_all_words_get_their_share():
    """A column whose kernel underflows to 0 is filled all the same."""
    cost, a, b = problem(50, 3, torch.float32)
    cost[:, 2] += 500.0
    got = sinkhorn(cost, a, b, 1.0, tolerance=1e-4)
    torch.testing.assert_close(got.plan.sum(0), b, atol=1e-4, rtol=0)


def test_a_warm_start_needs_no_sweep():
    cost, a, b = problem(40, 6)
    cold = sinkhorn(cost, a, b, 0.05, tolerance=1e-10)
    warm = sinkhorn(cost, a, b, 0.05, start=cold.potential, tolerance=1e-9, max_sweeps=1)
    torch.testing.assert_close(warm.plan, cold.plan, atol=1e-9, rtol=0)
    # without it one sweep is not enough
    assert sinkhorn(cost, a, b, 0.05, tolerance=1e-9, max_sweeps=1).error > 1e-3


def test_says_how_far_it_came():
    cost, a, b = problem(40, 6)
    errors = [sinkhorn(cost, a, b, 0.02, tolerance=0, max_sweeps=n).error for n in (1, 10, 100)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 0
