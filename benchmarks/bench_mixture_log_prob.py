"""Log-likelihood of a Gaussian mixture, forward and backward for all parameters, float32."""

from collections.abc import Callable

import pytest
import torch
from baselines import compiled, generator, mixture_same_family, same, step, two_products

from topicforge.ops import mixture_log_prob

CONTENDERS = {
    "native": lambda *x: mixture_log_prob(*x, impl="native"),
    "MixtureSameFamily": mixture_same_family,
    "two matrix products": two_products,
    "two matrix products, torch.compile": compiled(two_products),
    "reference": lambda *x: mixture_log_prob(*x, impl="reference"),
}
TARGETS = {
    50: {
        "MixtureSameFamily": 50.0,
        "two matrix products": 2.5,
        "two matrix products, torch.compile": 2.5,
    },
    1000: {
        "MixtureSameFamily": 150.0,
        "two matrix products": 1.2,
        "two matrix products, torch.compile": 1.2,
    },
}


def mixture(B: int, L: int, C: int) -> list[torch.Tensor]:
    """Points z (B, L), means, log-variances (C, L) and log-weights (C,) near the origin, as leaves."""
    source = generator(0)
    z, loc, log_var, log_weight = (
        torch.randn(*shape, generator=source) for shape in ((B, L), (C, L), (C, L), (C,))
    )
    tensors = [z, loc, 0.3 * log_var, torch.log_softmax(log_weight, 0)]
    return [x.requires_grad_() for x in tensors]


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("C", [50, 1000])
def bench_log_prob(race: Callable[..., None], C: int, contender: str, B: int = 1024) -> None:
    leaves = mixture(B, 50, C)
    run, native = step(CONTENDERS[contender], leaves), step(CONTENDERS["native"], leaves)
    # Categorical normalises its logits, so MixtureSameFamily's gradient for them is projected.
    compared = 4 if contender == "MixtureSameFamily" else 5
    race(
        f"mixture log-likelihood, B = {B}, L = 50, C = {C}, forward + backward",
        contender,
        run,
        lambda: same(lambda: native()[:compared], lambda: run()[:compared], 1e-3),
        TARGETS.get(C, {}).get(contender),
    )
