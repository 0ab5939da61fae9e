"""Adam's steps of absent rows, all at once, against torch's Adam with zero gradients.

V = 50,000 words x 800, float32. A step of a batch brings 8,000 rows up to date, which are 1 to 40 steps
behind; torch takes one step of all rows. In the long run both do the same work: as many rows fall
behind by one step as are caught up. The floor is the memory that a row can't do without: w, m
and v read and written, at the rate of x.mul_().
"""

from collections.abc import Callable
from itertools import cycle

import pytest
import torch
from baselines import generator
from bench_lazy_adam import update_rate

from topicforge.ops import adam_catch_up

V, H, R, BEHIND = 50_000, 800, 8_000, 40
BETAS, EPS, LR = (0.9, 0.999), 1e-8, 1e-2
#: how many times slower than the native step each must at least be
CONTENDERS = {"native": None, "reference": None, "Adam, fused, dense": 2.5}
# Forty float32 steps of a few roundings each, of weights of size 1.
TOLERANCE = 2e-5


def state() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    source = generator(0)
    weight, mean = (torch.randn(V, H, generator=source) for _ in range(2))
    return weight, mean, torch.rand(V, H, generator=source)


def check(impl: str) -> None:
    """The weights of a few rows after all steps, with torch's dense Adam as the judge."""
    weight, mean, square = (x[:200].clone() for x in state())
    dense = torch.nn.Parameter(weight.clone())
    adam = torch.optim.Adam([dense], LR, BETAS, EPS)
    moments = {"step": torch.tensor(0.0), "exp_avg": mean.clone(), "exp_avg_sq": square.clone()}
    adam.state[dense] = moments
    for _ in range(BEHIND):
        dense.grad = torch.zeros_like(dense)
        adam.step()
    adam_catch_up(
        weight, mean, square, torch.zeros(200, dtype=torch.int64), torch.arange(200),
        torch.full((BEHIND,), LR, dtype=torch.float64), base=0, beta1=BETAS[0], beta2=BETAS[1],
        eps=EPS, impl=impl,
    )  # fmt: skip
    assert float((weight - dense).abs().max()) < TOLERANCE


@pytest.mark.parametrize("contender", CONTENDERS)
def bench_catch_up(race: Callable[..., None], contender: str) -> None:
    weight, mean, square = state()
    source = generator(1)
    turns = cycle([torch.randperm(V, generator=source)[:R].sort().values for _ in range(5)])
    behind = torch.randint(BEHIND, (V,), generator=source)
    since = torch.empty_like(behind)
    rates = torch.full((BEHIND,), LR, dtype=torch.float64)
    parameter = torch.nn.Parameter(weight)
    adam = torch.optim.Adam([parameter], LR, BETAS, EPS, fused=True)
    impl = "auto" if "dense" in contender else contender
    if "dense" in contender:
        parameter.grad = torch.zeros_like(parameter)

    def step() -> None:
        if "dense" in contender:
            adam.step()
            return
        since.copy_(behind)
        adam_catch_up(
            weight, mean, square, since, next(turns), rates, base=0, beta1=BETAS[0], beta2=BETAS[1],
            eps=EPS, impl=impl,
        )  # fmt: skip

    native = contender == "native"
    race(
        f"Adam's missed steps of {R} rows of {V} x {H}",
        contender,
        step,
        lambda: check(impl),
        CONTENDERS[contender],
        floor=6 * 4 * R * H / update_rate() if native else None,
        floor_of="memory of these rows alone",
    )
