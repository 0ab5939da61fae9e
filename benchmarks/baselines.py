"""What the native operators race against: formulas as one would write them in PyTorch."""

from collections.abc import Callable, Sequence
from math import log, pi
from typing import Any

import torch
from torch import Tensor


def generator(seed: int) -> torch.Generator:
    """A source of numbers on torch's default device, where the tensors of a case are made."""
    return torch.Generator(torch.get_default_device()).manual_seed(seed)


def step(function: Callable[..., Tensor], leaves: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
    """Forward and backward of the sum; returns the value and the gradients of the leaves."""

    def run() -> list[Tensor]:
        for x in leaves:
            x.grad = None
        value = function(*leaves)
        value.sum().backward()
        grads = [x.grad for x in leaves if x.grad is not None]
        return [value.detach(), *grads]

    return run


def same(function: Any, other: Any, tolerance: float, value_scale: float = 0.0) -> None:
    """Assert equality of all tensors, relative to the largest entry of each."""
    for i, (came, want) in enumerate(zip(function(), other(), strict=True)):
        size = max(float(want.abs().max()), value_scale if i == 0 else 0.0)
        error = float((came.double() - want.double()).abs().max()) / size
        assert error < tolerance, f"tensor {i} differs by {error:.1e}"


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """torch.compile, at the first call: importing the compiler warns of its own doings."""
    made: list[Callable[..., Tensor]] = []

    def run(*leaves: Tensor) -> Tensor:
        if not made:
            made.append(torch.compile(function))
        return made[0](*leaves)

    return run


def plain_kernel(log_q: Tensor, log_p: Tensor, t: float = 1.0) -> Tensor:
    """The diffusion kernel, with the clip of the published code so that its gradient is finite."""
    x = torch.exp(0.5 * log_q) @ torch.exp(0.5 * log_p).T
    return torch.exp(-(torch.acos(x.clamp(max=1.0 - 1e-6)) ** 2) / t)


def plain_mmd(log_q: Tensor, log_p: Tensor) -> Tensor:
    """The MMD with it, unbiased, with three matrices in memory."""
    n, m = len(log_q), len(log_p)
    q, p = plain_kernel(log_q, log_q), plain_kernel(log_p, log_p)
    within = (q.sum() - q.diagonal().sum()) / (n * (n - 1))
    within = within + (p.sum() - p.diagonal().sum()) / (m * (m - 1))
    return within - 2.0 * plain_kernel(log_q, log_p).mean()


def two_products(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    """The mixture's log-likelihood from z² / σ² and z μ / σ² as matrix products.

    The fastest formulation in PyTorch, and the one that loses its digits far from zero.
    """
    inverse = torch.exp(-log_var)
    distance = (z * z) @ inverse.T - 2.0 * z @ (loc * inverse).T + (loc * loc * inverse).sum(1)
    norm = log_var.sum(1) + loc.shape[1] * log(2.0 * pi)
    return torch.logsumexp(log_weight - 0.5 * (distance + norm), 1)


def mixture_same_family(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    """torch.distributions' mixture."""
    components = torch.distributions.Normal(loc, torch.exp(0.5 * log_var), validate_args=False)
    return torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=log_weight, validate_args=False),
        torch.distributions.Independent(components, 1, validate_args=False),
        validate_args=False,
    ).log_prob(z)
