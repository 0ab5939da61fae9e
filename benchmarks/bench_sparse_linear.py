"""The encoders' sparse first layer, forward and backward for weight and bias, float32."""

from collections.abc import Callable, Iterator
from functools import cache, partial

import torch
from baselines import compiled, generator
from races import Race, Setting, bench_race  # noqa: F401 (collected by pytest)
from sparse_batch import batch, dense
from torch import Tensor
from torch.nn import functional as F

from topicforge.ops import sparse_linear

SIZES: dict[str, list[tuple[int, int, int, dict[str, float | None]]]] = {
    "cpu": [
        (1024, V, H, {"embedding_bag": at, "torch.sparse": at, "dense": at})
        for V, H, at in ((5_000, 800, 1.5), (50_000, 256, 4.0))
    ],
    "gpu": [
        (
            4096,
            50_000,
            256,
            {"torch.compile": 3.0, "embedding_bag": None, "dense": None},
        )
    ],
    "tiny": [
        (
            8,
            100,
            4,
            {"torch.compile": None, "embedding_bag": None, "dense": None},
        )
    ],
}


def races(size: str) -> Iterator[Race]:
    for B, V, H, contenders in SIZES[size]:
        title = f"sparse first layer, B = {B} of 65 words, V = {V}, H = {H}, forward + backward"
        make = partial(setting, B, V, H)
        yield Race("sparse_linear", title, {"native": None, **contenders}, make, 1e-5)


def setting(B: int, V: int, H: int) -> Setting:
    counts, source = batch(B, V), generator(1)
    crow, col, value = counts
    weight, bias = (torch.randn(*shape, generator=source) for shape in ((V, H), (H,)))
    mixture = torch.randn(B, H, generator=source)  # the gradient that arrives is not all ones
    x = cache(lambda: dense(counts, V))  # made where it is needed
    rows = cache(lambda: torch.sparse_csr_tensor(*counts, (B, V)))

    def bag(weight: Tensor, bias: Tensor) -> Tensor:
        return bias + F.embedding_bag(
            col, weight, crow, mode="sum", per_sample_weights=value, include_last_offset=True
        )

    def mixed(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *t: function(*t) * mixture

    def bind(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return mixed(lambda *t: function(*counts, *t))

    functions = {
        "native": bind(partial(sparse_linear, impl="native")),
        "embedding_bag": mixed(bag),
        "torch.compile": mixed(compiled(bag)),
        "torch.sparse": mixed(lambda weight, bias: rows() @ weight + bias),
        "dense": mixed(lambda weight, bias: torch.addmm(bias, x(), weight)),
    }
    return Setting([weight.requires_grad_(), bias.requires_grad_()], functions, bind)
