"""Adam's step of the first layer: the rows of a batch against torch's dense and sparse Adam.

V = 50,000 words x 800, float32, 8,000 of the words in the batch, others in each step of a round of
five, so that no cache holds what the next step needs. The floor is the memory that a row can't do
without: w, m, v and g read, w, m and v written, at the rate of x.mul_(), which like the step
writes where it has read (a copy also reads what it writes over).
"""

from collections.abc import Callable
from itertools import cycle

import pytest
import torch
from baselines import generator
from table import best_time

from topicforge.training.lazy_adam import LazyAdam

EPS = 1e-8
V, H, R, ROUND = 50_000, 800, 8_000, 5
#: how many times slower than the native step each must at least be
CONTENDERS = {"native": None, "reference": None, "SparseAdam": 5.0, "Adam, fused, dense": 4.0}
# The float32 steps differ by SparseAdam's order of operations: a few roundings of weights of size 1.
TOLERANCE = 2e-6


def update_rate(elements: int = 1 << 26) -> float:
    """Bytes a second that scaling ``elements`` float32 in place reads and writes, at best."""
    x = torch.ones(elements)
    return 8.0 * elements / best_time(lambda: x.mul_(1.0), 6)


def gradient(seed: int) -> torch.Tensor:
    source = generator(seed)
    row = torch.randperm(V, generator=source)[:R].sort().values
    rows = torch.randn(R, H, generator=source)
    return torch.sparse_coo_tensor(
        row[None], rows, (V, H), is_coalesced=True, check_invariants=False
    )


def optimiser(contender: str) -> tuple[torch.nn.Parameter, torch.optim.Optimizer]:
    weight = torch.nn.Parameter(torch.randn(V, H, generator=generator(0)))
    if contender == "SparseAdam":
        # it adds epsilon before v is corrected: the same formula in the first step, which is compared
        return weight, torch.optim.SparseAdam([weight], lr=1e-2, eps=EPS * (1 - 0.999) ** 0.5)
    if contender == "Adam, fused, dense":
        return weight, torch.optim.Adam([weight], lr=1e-2, eps=EPS, fused=True)
    return weight, LazyAdam([weight], lr=1e-2, eps=EPS)


def stepped(contender: str, grad: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """The weight after one step from zero moments: there even dense Adam moves these rows alone."""
    weight, made = optimiser(contender)
    weight.grad = grad.to_dense() if "dense" in contender else grad
    with monkeypatch.context() as patch:
        use(contender, patch)
        made.step()
    return weight.detach()


def use(contender: str, patch: pytest.MonkeyPatch) -> None:
    if contender == "reference":
        from topicforge.ops import _library

        patch.setitem(_library._READY, "lazy_adam_rows", ())


@pytest.mark.parametrize("contender", CONTENDERS)
def bench_step(race: Callable[..., None], monkeypatch: pytest.MonkeyPatch, contender: str) -> None:
    grad = gradient(1)

    def check() -> None:
        expected = stepped("SparseAdam", grad, monkeypatch)
        came = stepped(contender, grad, monkeypatch)
        assert float((came - expected).abs().max()) < TOLERANCE

    weight, made = optimiser(contender)
    grads = [gradient(seed) for seed in range(ROUND)]
    turns = cycle([g.to_dense() for g in grads] if "dense" in contender else grads)

    def step() -> None:
        weight.grad = next(turns)
        made.step()

    use(contender, monkeypatch)
    race(
        f"Adam's step of {R} rows of {V} x {H}",
        contender,
        step,
        check,
        CONTENDERS[contender],
        floor=7 * 4 * R * H / update_rate() if contender == "native" else None,
        floor_of="memory of these rows alone",
    )
