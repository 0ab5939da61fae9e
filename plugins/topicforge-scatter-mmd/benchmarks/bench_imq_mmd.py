"""Forward and backward of the native operator against plain PyTorch; equality first.

``python -m pytest benchmarks`` prints both times side by side; the ratio is of one run. x asks for
a gradient, y (the prior's draws) does not, as in training with a fixed prior.
"""

import os

import pytest
import torch

from topicforge_scatter_mmd import NATIVE, WHY, imq_mmd

pytestmark = pytest.mark.skipif(not NATIVE, reason=f"native operator: {WHY}")

K = 50
C = [2.0 * K * scale for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)]
torch.set_num_threads(int(os.environ.get("BENCH_THREADS", "1")))


def step(x, y, impl):
    """Value and gradient."""
    x.grad = None
    value = imq_mmd(x, y, C, True, impl)
    value.backward()
    return value.detach(), x.grad


def sides(n):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, K, generator=generator).requires_grad_()
    return x, torch.randn(n, K, generator=generator) + 0.3


@pytest.mark.parametrize("impl", ["native", "reference"])
@pytest.mark.parametrize("n", [256, 4096])
def bench_step(benchmark, n, impl):
    x, y = sides(n)
    value, grad = step(x, y, "native")
    other, other_grad = step(x, y, "reference")
    # float32: values of size 1, gradients of size max |grad|
    torch.testing.assert_close(value, other, rtol=0, atol=1e-5)
    torch.testing.assert_close(grad, other_grad, rtol=0, atol=1e-5 * float(grad.abs().max()))
    benchmark.group = f"n = m = {n}, K = {K}"
    benchmark.pedantic(step, (x, y, impl), rounds=30 if n < 1000 else 4, warmup_rounds=1)
