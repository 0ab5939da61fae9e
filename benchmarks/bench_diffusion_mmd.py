"""MMD with the diffusion kernel, forward and backward for q, float32."""

from collections.abc import Callable

import pytest
import torch
from baselines import compiled, generator, plain_mmd, same, step

from topicforge.ops import diffusion_mmd

CONTENDERS = ["native", "plain PyTorch", "torch.compile", "reference"]
# (n = m, K) -> how many times slower each contender must at least be.
TARGETS = {
    (256, 50): {"plain PyTorch": 6.0},
    (4096, 50): {"plain PyTorch": 20.0, "torch.compile": 4.0},
    (4096, 200): {"plain PyTorch": 8.0, "torch.compile": 4.0},
}


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize(("n", "K"), TARGETS)
def bench_mmd(race: Callable[..., None], n: int, K: int, contender: str) -> None:
    source = generator(0)
    log_q, log_p = torch.log_softmax(2.0 * torch.randn(2, n, K, generator=source), -1)
    log_q = log_q.clone().requires_grad_()
    functions = {
        "native": lambda q: diffusion_mmd(q, log_p, impl="native"),
        "reference": lambda q: diffusion_mmd(q, log_p, impl="reference"),
        "plain PyTorch": lambda q: plain_mmd(q, log_p),
        "torch.compile": compiled(lambda q: plain_mmd(q, log_p)),
    }
    run, native = step(functions[contender], [log_q]), step(functions["native"], [log_q])
    # Needed: the products of q with itself and with p for the value and for the gradient, of p
    # with itself for the value; a sample with itself is symmetric, so half of the first product
    # suffices: (½ + 1) + 2 + ½ = 4 products of n × n × K.
    operations = 4 * 2.0 * n * n * K if contender == "native" else None
    race(
        f"MMD, n = m = {n}, K = {K}, forward + backward",
        contender,
        run,
        # The clip of the plain form at 1 - 1e-6 shows in the value and in the gradient.
        lambda: same(native, run, 2e-3, value_scale=1.0),
        TARGETS.get((n, K), {}).get(contender),
        operations,
    )
