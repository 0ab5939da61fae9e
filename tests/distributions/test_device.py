"""Samples and densities stay where the parameters are, whatever torch's default device."""

import pytest
import torch

from topicforge.distributions import (
    DiagonalNormal,
    Dirichlet,
    LogisticNormal,
    NormalMixture,
    Point,
)

ZEROS, ONES = torch.zeros(3), torch.ones(3)
PRIORS = {
    "normal": DiagonalNormal(ZEROS, ZEROS),
    "dirichlet": Dirichlet(ONES / 2),
    "dirichlet with gradient": Dirichlet((ONES / 2).requires_grad_()),
    "logistic normal": LogisticNormal(ZEROS, ZEROS),
    "mixture": NormalMixture(torch.eye(3), torch.zeros(3, 1), torch.log_softmax(ZEROS, 0)),
}


@pytest.mark.parametrize("p", PRIORS.values(), ids=PRIORS)
def test_nothing_lands_on_the_default_device(p):
    with torch.device("meta"):
        z = p.rsample(4)
        values = [z, p.log_prob(z), p.mean, p.rsample()]
    assert {value.device.type for value in values} == {"cpu"}
    assert values[1].shape == (4,)


def test_a_point_neither():
    with torch.device("meta"):
        assert Point(ZEROS[None]).rsample(2).device.type == "cpu"
