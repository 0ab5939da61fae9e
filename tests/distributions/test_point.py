"""All mass on one point: samples are the point, a density is refused with a reason."""

import pytest
import torch

from topicforge.distributions import Point
from topicforge.errors import MixError


def test_samples_are_the_point_with_its_gradient():
    loc = torch.randn(4, 3, requires_grad=True)
    q = Point(loc)
    assert torch.equal(q.mean, loc)
    assert torch.equal(q.rsample(), loc)
    assert torch.equal(q.rsample(2), torch.stack([loc, loc]))
    q.rsample(2).sum().backward()
    assert torch.equal(loc.grad, torch.full_like(loc, 2.0))


def test_no_density():
    with pytest.raises(MixError, match=r"Point\.log_prob.*mmd"):
        Point(torch.zeros(1, 2)).log_prob(torch.zeros(1, 2))
