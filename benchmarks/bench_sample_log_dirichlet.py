"""Samples of a Dirichlet distribution as logarithms, float32."""

from collections.abc import Callable

import pytest
import torch
from baselines import generator

from topicforge.ops import sample_log_dirichlet


@pytest.mark.parametrize("contender", ["native", "torch.distributions", "reference"])
@pytest.mark.parametrize("K", [50, 200])
def bench_sample(race: Callable[..., None], K: int, contender: str) -> None:
    n, alpha = 1024, torch.full((K,), 0.1)
    source = generator(0)
    law = torch.distributions.Dirichlet(alpha, validate_args=False)
    functions = {
        "native": lambda: sample_log_dirichlet(alpha, n, source, impl="native"),
        # Underflows at small concentrations: log 0 = -inf.
        "torch.distributions": lambda: law.sample((n,)).log(),
        "reference": lambda: sample_log_dirichlet(alpha, n, source, impl="reference"),
    }

    def check() -> None:
        # Random streams differ: the mean of n samples, within five of its standard deviations.
        mean, deviation = 1.0 / K, float(law.variance[0]) ** 0.5
        theta = functions[contender]().exp()
        assert float((theta.mean(0) - mean).abs().max()) < 5 * deviation / n**0.5

    race(f"Dirichlet samples, n = {n}, K = {K}", contender, functions[contender], check)
