"""Batch norm folded into ProdLDA's decoder: value and gradients, V = 50,000 words, K = 50 topics.

Contenders: autograd through the formula as one would write it, the reference (the same with its
gradient in closed form), the native operator. The floor is that of its three products of V x K and
K x K numbers (W C, once more in the backward, and C's gradient), 6 V K^2 operations at the rate of
torch's product of large matrices.
"""

from collections.abc import Callable

import pytest
import torch
from baselines import generator
from table import matrix_rate
from torch import Tensor

from topicforge.ops import batch_norm_fold

V, K, B, EPS = 50_000, 50, 200, 1e-3
#: how many times slower than the native operator each must at least be
CONTENDERS = {"native": None, "reference": 1.5, "autograd": 2.0}
# float32 sums of K products, and of V in the covariance's gradient
TOLERANCE = 1e-3


def by_autograd(weight: Tensor, mean: Tensor, covariance: Tensor, gain: Tensor) -> list[Tensor]:
    var = torch.linalg.vecdot(weight @ covariance, weight)
    scale = gain * (var + EPS).rsqrt()
    return [weight * scale[:, None], -(weight @ mean) * scale]


def arguments(dtype: torch.dtype = torch.float32) -> list[Tensor]:
    source = generator(0)
    weight = torch.randn(V, K, generator=source)
    x = torch.softmax(torch.randn(B, K, generator=source), 1)
    mean = x.mean(0)
    covariance = (x - mean).T @ (x - mean) / B
    leaves = (weight, mean, covariance, torch.ones(V))
    return [x.to(dtype).requires_grad_() for x in leaves]


def run(contender: str, leaves: list[Tensor], grads: list[Tensor]) -> list[Tensor]:
    if contender == "autograd":
        outputs = by_autograd(*leaves)
    else:
        outputs = list(batch_norm_fold(*leaves, EPS, impl=contender)[:2])
    return [*outputs, *torch.autograd.grad(outputs, leaves, grads)]


@pytest.mark.parametrize("contender", CONTENDERS)
def bench_fold(race: Callable[..., None], contender: str) -> None:
    leaves = arguments()
    source = generator(1)
    grads = [torch.randn(V, K, generator=source), torch.randn(V, generator=source)]

    def check() -> None:
        wide = run("autograd", arguments(torch.float64), [g.double() for g in grads])
        for came, expected in zip(run(contender, leaves, grads), wide, strict=True):
            scale = float(expected.detach().abs().max())
            assert float((came - expected).detach().abs().max()) < TOLERANCE * scale

    race(
        f"batch norm folded into {V} x {K}, forward and backward",
        contender,
        lambda: run(contender, leaves, grads),
        check,
        CONTENDERS[contender],
        floor=6 * V * K**2 / matrix_rate() if contender == "native" else None,
        floor_of="three products",
    )
