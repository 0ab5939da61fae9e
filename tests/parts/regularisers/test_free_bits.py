"""Free bits: max(mean divergence, nats), without a gradient below."""

import pytest
import torch

from topicforge.errors import OptionError
from topicforge.parts.regularisers import FreeBits


@pytest.mark.parametrize(("mean", "paid", "slope"), [(0.5, 2.0, 0.0), (3.0, 3.0, 1.0)])
def test_value_and_gradient(mean, paid, slope):
    value = torch.tensor(mean, requires_grad=True)
    out = FreeBits(nats=2.0).divergence(value)
    out.backward()
    assert out.item() == paid
    assert value.grad.item() == slope


@pytest.mark.parametrize("nats", [0, -1, float("inf"), "2"])
def test_nats_must_be_positive(nats):
    with pytest.raises(OptionError, match="nats"):
        FreeBits(nats=nats)


def test_it_asks_for_a_divergence_per_document():
    assert FreeBits.per_document
