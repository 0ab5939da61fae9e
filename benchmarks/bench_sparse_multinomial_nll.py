"""Likelihood of sparse counts under a mixture of topics, forward and backward, float32."""

from collections.abc import Callable

import pytest
import torch
from baselines import compiled, generator, same, step
from sparse_batch import batch, dense
from torch import Tensor

from topicforge.ops import sparse_multinomial_nll

TARGETS = {5_000: 10.0, 50_000: 25.0}


@pytest.mark.parametrize("contender", ["native", "dense", "gathered rows (reference)"])
@pytest.mark.parametrize("K", [50, 100])
@pytest.mark.parametrize("V", TARGETS)
def bench_nll(race: Callable[..., None], V: int, K: int, contender: str, B: int = 1024) -> None:
    counts, source = batch(B, V), generator(1)
    theta = torch.softmax(torch.randn(B, K, generator=source), 1)
    beta = torch.softmax(torch.randn(V, K, generator=source), 0)
    leaves = [theta.requires_grad_(), beta.requires_grad_()]
    x = dense(counts, V) if contender == "dense" else None

    def form(theta: Tensor, beta: Tensor) -> Tensor:
        return -(x * torch.log(theta @ beta.T)).sum(1)

    functions = {
        "native": lambda *t: sparse_multinomial_nll(*counts, *t, impl="native"),
        "dense": form,
        "gathered rows (reference)": lambda *t: sparse_multinomial_nll(
            *counts, *t, impl="reference"
        ),
        "torch.compile": compiled(lambda *t: sparse_multinomial_nll(*counts, *t, impl="reference")),
    }
    run, native = step(functions[contender], leaves), step(functions["native"], leaves)
    race(
        f"sparse likelihood, B = {B} of 65 words, V = {V}, K = {K}, forward + backward",
        contender,
        run,
        lambda: same(native, run, 1e-5),
        TARGETS.get(V) if contender == "dense" else None,
    )
