"""The pairwise diffusion kernel matrix, forward and backward for both samples, float32."""

from collections.abc import Callable

import pytest
import torch
from baselines import compiled, generator, plain_kernel, same, step
from torch import Tensor

from topicforge.ops import diffusion_kernel


def keops_kernel(log_q: Tensor, log_p: Tensor) -> Tensor:
    """Row sums of the kernel matrix by KeOps, which makes no matrix."""
    lazy = pytest.importorskip("pykeops.torch", reason="KeOps is not installed").LazyTensor
    q, p = torch.exp(0.5 * log_q), torch.exp(0.5 * log_p)
    x = (lazy(q[:, None, :].contiguous()) * lazy(p[None, :, :].contiguous())).sum(-1)
    return (-((x.clamp(0.0, 1.0 - 1e-6)).acos() ** 2)).exp().sum(1)


@pytest.mark.parametrize("contender", ["native", "plain PyTorch", "torch.compile", "KeOps (sums)"])
@pytest.mark.parametrize(("n", "K"), [(1024, 50), (4096, 50)])
def bench_kernel(race: Callable[..., None], n: int, K: int, contender: str) -> None:
    source = generator(0)
    samples = torch.log_softmax(2.0 * torch.randn(2, n, K, generator=source), -1)
    leaves = [x.clone().requires_grad_() for x in samples]
    functions = {
        "native": lambda q, p: diffusion_kernel(q, p, impl="native"),
        "plain PyTorch": plain_kernel,
        "torch.compile": compiled(plain_kernel),
        "KeOps (sums)": keops_kernel,
    }
    run = step(functions[contender], leaves)
    native = step(lambda q, p: diffusion_kernel(q, p, impl="native"), leaves)

    def check() -> None:
        ours, theirs = native(), run()
        if contender.startswith("KeOps"):
            ours[0] = ours[0].sum(1, keepdim=True)
            theirs[0] = theirs[0].view(-1, 1)
        same(lambda: ours, lambda: theirs, 2e-3)

    race(f"diffusion kernel, n = m = {n}, K = {K}, forward + backward", contender, run, check)
