"""A step of Adam that moves the rows of a batch's words, against torch's step of all rows.

V = 50,000 words x 800, float32; the batch has 6,000 of the words, which are 1 to 40 steps behind. Each
step of the native operator brings them up to date and takes one step with their gradient. In the long run
both do the same work: as many rows fall behind by one step as are caught up.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from baselines import generator
from torch import Tensor

from topicforge.ops import adam_rows

V, H, R, BEHIND = 50_000, 800, 6_000, 40
BETAS, EPS, LR = (0.9, 0.999), 1e-8, 1e-2
# Forty float32 steps of a few roundings each, of weights of size 1.
TOLERANCE = 5e-5


def state(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    source = generator(0)
    weight, mean = (torch.randn(rows, H, generator=source) for _ in range(2))
    return weight, mean, torch.rand(rows, H, generator=source)


def by_rows(
    of: tuple[Tensor, Tensor, Tensor], since: Tensor, row: Tensor, grad: Tensor, impl: str
) -> None:
    rates = torch.full((BEHIND,), LR, dtype=torch.float64)
    adam_rows(
        *of, since, row, grad, rates, base=0, beta1=BETAS[0], beta2=BETAS[1], eps=EPS, impl=impl
    )


def dense(of: tuple[Tensor, Tensor, Tensor], done: int) -> tuple[torch.optim.Adam, Tensor]:
    weight = torch.nn.Parameter(of[0])
    adam = torch.optim.Adam([weight], LR, BETAS, EPS, fused=True)
    step = torch.tensor(float(done))
    adam.state[weight] = {"step": step, "exp_avg": of[1], "exp_avg_sq": of[2]}
    weight.grad = torch.zeros_like(weight)
    return adam, weight


def check(impl: str) -> None:
    """200 rows after forty steps, with torch's Adam as the judge."""
    came, judged = state(200), state(200)
    grad = torch.randn(200, H, generator=generator(1))
    by_rows(came, torch.zeros(200, dtype=torch.int64), torch.arange(200), grad, impl)
    adam, weight = dense(judged, 0)
    for number in range(BEHIND):
        weight.grad = grad if number + 1 == BEHIND else torch.zeros_like(weight)
        adam.step()
    assert float((came[0] - weight.detach()).abs().max()) < TOLERANCE


@pytest.mark.parametrize("contender", ["native", "reference", "torch.optim.Adam"])
def bench_adam_rows(benchmark: Any, contender: str) -> None:
    of, source = state(V), generator(2)
    row = torch.randperm(V, generator=source)[:R].sort().values
    grad = torch.randn(R, H, generator=source)
    behind = torch.randint(BEHIND, (V,), generator=source)
    since = behind.clone()
    step: Callable[[], Any]
    if contender == "torch.optim.Adam":
        step = dense(of, BEHIND)[0].step
    else:
        check(contender)

        def step() -> None:
            since.copy_(behind)
            by_rows(of, since, row, grad, contender)

    benchmark.pedantic(step, rounds=5, warmup_rounds=1)
