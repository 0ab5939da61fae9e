"""The diffusion kernel (gradients of both samples) and the MMD with it (of the first), float32."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from baselines import compiled, generator, plain_kernel, plain_mmd
from races import Race, Setting, bench_race  # noqa: F401 (collected by pytest)
from torch import Tensor

from topicforge.ops import diffusion_kernel, diffusion_mmd

PLAIN, COMPILED, KEOPS = "plain PyTorch", "torch.compile", "KeOps (sums)"
MMD: dict[str, dict[tuple[int, int], dict[str, float | None]]] = {
    "cpu": {
        (256, 50): {PLAIN: 6.0, COMPILED: None, "reference": None},
        (4096, 50): {PLAIN: 20.0, COMPILED: 4.0, "reference": None},
        (4096, 200): {PLAIN: 8.0, COMPILED: 4.0, "reference": None},
    },
    "gpu": {(16384, 200): {PLAIN: 10.0, COMPILED: 3.0}},
    "tiny": {(32, 5): {PLAIN: None, COMPILED: None}},
}
KERNEL: dict[str, dict[tuple[int, int], dict[str, float | None]]] = {
    "cpu": {(n, 50): {PLAIN: None, COMPILED: None, KEOPS: None} for n in (1024, 4096)},
    "gpu": {(8192, 50): {PLAIN: None, COMPILED: 3.0}},
    "tiny": {(32, 5): {PLAIN: None, COMPILED: None}},
}


def races(size: str) -> Iterator[Race]:
    # The clip of the plain forms at 1 - 1e-6 shows in value and gradient.
    for (n, K), contenders in MMD[size].items():
        yield Race(
            "diffusion_mmd",
            f"MMD, n = m = {n}, K = {K}, forward + backward",
            {"native": None, **contenders},
            partial(mmd, n, K),
            2e-3,
            # The products of q with itself and with p for the value and for the gradient, of p with
            # itself for the value; a sample with itself is symmetric, so half of the first product
            # suffices: (½ + 1) + 2 + ½ = 4 products of n × n × K.
            4 * 2.0 * n * n * K,
            value_scale=1.0,
        )
    for (n, K), contenders in KERNEL[size].items():
        yield Race(
            "diffusion_kernel",
            f"diffusion kernel, n = m = {n}, K = {K}, forward + backward",
            {"native": None, **contenders},
            partial(kernel, n, K),
            2e-3,
            3 * 2.0 * n * n * K,  # the matrix, and the gradients of both samples
        )


def samples(n: int, K: int) -> Tensor:
    return torch.log_softmax(2.0 * torch.randn(2, n, K, generator=generator(0)), -1)


def mmd(n: int, K: int) -> Setting:
    log_q, log_p = samples(n, K)
    functions = {
        "native": lambda q: diffusion_mmd(q, log_p, impl="native"),
        "reference": lambda q: diffusion_mmd(q, log_p, impl="reference"),
        PLAIN: lambda q: plain_mmd(q, log_p),
        COMPILED: compiled(lambda q: plain_mmd(q, log_p)),
    }
    return Setting([log_q.clone().requires_grad_()], functions, lambda f: lambda q: f(q, log_p))


def kernel(n: int, K: int) -> Setting:
    functions = {
        "native": partial(diffusion_kernel, impl="native"),
        PLAIN: plain_kernel,
        COMPILED: compiled(plain_kernel),
        KEOPS: keops_kernel,
    }

    def sums(tensors: list[Tensor]) -> list[Tensor]:
        value, *gradients = tensors
        return [value.sum(1) if value.shape[1:] == (n,) else value.view(-1), *gradients]

    leaves = [x.clone().requires_grad_() for x in samples(n, K)]
    return Setting(leaves, functions, lambda f: f, {KEOPS: sums})


def keops_kernel(log_q: Tensor, log_p: Tensor) -> Tensor:
    """Row sums of the kernel matrix by KeOps, which makes no matrix."""
    lazy = pytest.importorskip("pykeops.torch", reason="KeOps is not installed").LazyTensor
    q, p = torch.exp(0.5 * log_q), torch.exp(0.5 * log_p)
    x = (lazy(q[:, None, :].contiguous()) * lazy(p[None, :, :].contiguous())).sum(-1)
    return (-((x.clamp(0.0, 1.0 - 1e-6)).acos() ** 2)).exp().sum(1)
