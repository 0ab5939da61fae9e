"""Likelihood of sparse counts under the product decoder, forward and backward, float32."""

from collections.abc import Iterator
from functools import cache, partial

import torch
from baselines import compiled, generator
from races import Race, Setting, bench_race  # noqa: F401 (collected by pytest)
from sparse_batch import batch, dense, on
from torch import Tensor

from topicforge.ops import product_multinomial_nll

COMPILED = "dense, torch.compile"
SIZES: dict[str, list[tuple[int, int, int, dict[str, float | None]]]] = {
    "cpu": [
        (1024, V, 50, {"dense": target, COMPILED: target, "reference": None})
        for V, target in ((5_000, None), (50_000, 2.0))
    ],
    "gpu": [(4096, 50_000, 50, {"dense": None, COMPILED: 3.0, "reference": None})],
    "tiny": [(8, 100, 3, {"dense": None, COMPILED: None, "reference": None})],
}


def races(size: str) -> Iterator[Race]:
    for B, V, K, contenders in SIZES[size]:
        yield Race(
            "product_multinomial_nll",
            f"log-sum-exp likelihood, B = {B}, V = {V}, K = {K}, forward + backward",
            {"native": None, **contenders},
            partial(setting, B, V, K),
            1e-5,
            # Logits forward and again backward, and the gradients of theta and the weight.
            4 * 2.0 * B * V * K,
        )


def setting(B: int, V: int, K: int) -> Setting:
    counts, source = batch(B, V), generator(1)
    theta = torch.randn(B, K, generator=source)
    weight, bias = (torch.randn(*shape, generator=source) for shape in ((V, K), (V,)))
    leaves = [torch.softmax(theta, 1), weight, bias]
    x = cache(lambda: dense(counts, V))  # made where it is needed

    def form(theta: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return -(x() * torch.log_softmax(torch.addmm(bias, theta, weight.T), 1)).sum(1)

    bind = partial(on, counts)
    functions = {
        "native": bind(partial(product_multinomial_nll, impl="native")),
        "dense": form,
        COMPILED: compiled(form),
        "reference": bind(partial(product_multinomial_nll, impl="reference")),
    }
    return Setting([leaf.requires_grad_() for leaf in leaves], functions, bind)
