"""Transport costs against direct formulas."""

import math

import pytest
import torch
from scipy.spatial.distance import cdist

from topicforge_sinkhorn.costs import on_sphere, squared_arc, squared_euclidean


def test_squared_euclidean_against_scipy():
    torch.manual_seed(0)
    x, y = torch.randn(4, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    expected = torch.from_numpy(cdist(x, y, "sqeuclidean"))
    torch.testing.assert_close(squared_euclidean(x, y), expected)
    torch.testing.assert_close(squared_euclidean(x[None], y[None]), expected[None])


def test_squared_arc_of_known_angles():
    angles = torch.tensor([0.0, 1e-3, 0.05, 0.1, 0.2, 1.0, math.pi / 2], dtype=torch.float64)
    points = torch.stack([angles.cos(), angles.sin()], -1)
    got = squared_arc(points[:1], points)[0]
    # both sides of the series' end, s = 0.01, lie between angles 0.05 and 0.2
    torch.testing.assert_close(got, angles.square(), atol=1e-12, rtol=1e-11)


def test_squared_arc_of_distributions_by_hand():
    """Theta = (1/4, 3/4) and (3/4, 1/4): sum of roots sqrt(3)/2, so 30 degrees."""
    points = on_sphere(torch.tensor([[0.25, 0.75], [0.75, 0.25]], dtype=torch.float64).log())
    assert squared_arc(points, points)[0, 1].item() == pytest.approx((math.pi / 6) ** 2)
    # one-hot topics that differ are a quarter circle apart, also where log theta is -infinity
    corners = on_sphere(torch.tensor([[0.0, -math.inf], [-math.inf, 0.0]], dtype=torch.float64))
    assert squared_arc(corners, corners)[0, 1].item() == pytest.approx((math.pi / 2) ** 2)


def test_squared_arc_has_a_gradient_everywhere():
    torch.manual_seed(0)
    logits = torch.randn(4, 3, dtype=torch.float64)
    other = torch.cat([logits[:2], torch.randn(2, 3, dtype=torch.float64)])
    other[1] += torch.tensor([0.15, 0.0, 0.0])

    def cost(a, b):
        return squared_arc(*(on_sphere(torch.log_softmax(side, -1)) for side in (a, b)))

    # (0, 0) coincide: s = 0 is the clamp's edge, where numerical differences see rounding
    inputs = (logits.requires_grad_(), other.requires_grad_())
    assert torch.autograd.gradcheck(cost, inputs, atol=1e-4)
