"""Likelihood of sparse counts under a mixture of topics, forward and backward, float32."""

from collections.abc import Iterator
from functools import cache, partial

import torch
from baselines import compiled, generator
from races import Race, Setting, bench_race  # noqa: F401 (collected by pytest)
from sparse_batch import batch, dense, on
from torch import Tensor

from topicforge.ops import sparse_multinomial_nll

SIZES: dict[str, list[tuple[int, int, int, dict[str, float | None]]]] = {
    "cpu": [
        (1024, V, K, {"dense": target, "reference": None})
        for V, target in ((5_000, 10.0), (50_000, 25.0))
        for K in (50, 100)
    ],
    "gpu": [(4096, 50_000, 100, {"torch.compile": 3.0, "dense": None, "reference": None})],
    "tiny": [(8, 100, 3, {"torch.compile": None, "dense": None, "reference": None})],
}


def races(size: str) -> Iterator[Race]:
    for B, V, K, contenders in SIZES[size]:
        title = f"sparse likelihood, B = {B} of 65 words, V = {V}, K = {K}, forward + backward"
        make = partial(setting, B, V, K)
        yield Race("sparse_multinomial_nll", title, {"native": None, **contenders}, make, 1e-5)


def setting(B: int, V: int, K: int) -> Setting:
    counts, source = batch(B, V), generator(1)
    theta = torch.softmax(torch.randn(B, K, generator=source), 1)
    beta = torch.softmax(torch.randn(V, K, generator=source), 0)
    x = cache(lambda: dense(counts, V))  # made where it is needed

    def form(theta: Tensor, beta: Tensor) -> Tensor:
        return -(x() * torch.log(theta @ beta.T)).sum(1)

    bind = partial(on, counts)
    reference = bind(partial(sparse_multinomial_nll, impl="reference"))
    functions = {
        "native": bind(partial(sparse_multinomial_nll, impl="native")),
        "dense": form,
        "reference": reference,
        "torch.compile": compiled(reference),
    }
    return Setting([theta.requires_grad_(), beta.requires_grad_()], functions, bind)
