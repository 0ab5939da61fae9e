"""Responsibilities and the VaDE bound of a mixture, forward and backward, float32."""

from collections.abc import Callable

import pytest
import torch
from baselines import compiled, generator, same, step
from bench_mixture_log_prob import mixture

from topicforge.ops import mixture_kl_bound, mixture_responsibilities


@pytest.mark.parametrize("contender", ["native", "reference", "torch.compile"])
@pytest.mark.parametrize("operator", ["kl_bound", "responsibilities"])
def bench_bound(race: Callable[..., None], operator: str, contender: str, B: int = 1024) -> None:
    leaves = mixture(B, 50, 50)
    if operator == "kl_bound":
        source = generator(1)
        noise = torch.randn(2, B, 50, generator=source)
        leaves = [x.clone().requires_grad_() for x in noise] + leaves
        public = mixture_kl_bound
    else:
        public = mixture_responsibilities
    # The sum of the responsibilities is constant; squares are not.
    power = 1 if operator == "kl_bound" else 2
    functions = {
        "native": lambda *x: public(*x, impl="native") ** power,
        "reference": lambda *x: public(*x, impl="reference") ** power,
        "torch.compile": compiled(lambda *x: public(*x, impl="reference") ** power),
    }
    run, native = step(functions[contender], leaves), step(functions["native"], leaves)
    race(
        f"mixture {operator}, B = {B}, L = 50, C = 50, forward + backward",
        contender,
        run,
        lambda: same(native, run, 1e-3),
    )
