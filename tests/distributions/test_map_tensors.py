"""A distribution with every tensor mapped: of the same type, the first left as it was."""

import pytest
import torch

from topicforge.distributions import DiagonalNormal, Dirichlet, LogisticNormal, Point


@pytest.mark.parametrize(
    ("kind", "n_tensors"), [(DiagonalNormal, 2), (LogisticNormal, 2), (Dirichlet, 1), (Point, 1)]
)
def test_rows_are_mapped_and_the_first_stays(kind, n_tensors):
    tensors = [torch.rand(5, 3) + 0.1 * i for i in range(n_tensors)]
    q = kind(*tensors)
    seen = []

    def last_two(x):
        seen.append(x)
        return x[-2:]

    mapped = q.map_tensors(last_two)
    assert type(mapped) is kind
    assert len(seen) == n_tensors
    assert torch.equal(mapped.mean, q.mean[-2:])
    assert torch.equal(mapped.mean, kind(*(x[-2:] for x in tensors)).mean)
    assert q.mean.shape == (5, 3)
    torch.manual_seed(0)
    drawn = mapped.rsample()
    torch.manual_seed(0)
    assert torch.equal(drawn, kind(*(x[-2:] for x in tensors)).rsample())
