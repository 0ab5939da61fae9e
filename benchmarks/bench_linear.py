"""A dense layer, 800 to 800 units for a batch of 200, forward and backward, float32.

Contenders: torch's product, and the one of topicforge's layers, which gives large products to oneDNN.
Where torch's own library (MKL) uses the processor's widest instructions both take the same time.
"""

from collections.abc import Callable, Iterator

import torch
from baselines import generator
from races import Race, Setting, bench_race  # noqa: F401 (collected by pytest)
from torch import Tensor
from torch.nn import functional

from topicforge.parts.layers import product

B, H = 200, 800


def races(size: str) -> Iterator[Race]:
    if size == "cpu":
        yield Race(
            "product",
            f"dense layer, {H} to {H} units, {B} documents, forward + backward",
            # 1.1 times slower than torch's own would be a mistake on any processor
            {"native": None, "torch.nn.functional.linear": 0.9},
            setting,
            1e-5,  # float32 sums of 800 products
            3 * 2.0 * B * H * H,
        )


def setting() -> Setting:
    source = generator(0)
    x, grad = torch.randn(2, B, H, generator=source)
    weight, bias = (torch.randn(*shape, generator=source) * H**-0.5 for shape in ((H, H), (H,)))

    def bind(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *t: function(*t) * grad

    functions = {"native": bind(product), "torch.nn.functional.linear": bind(functional.linear)}
    return Setting([t.clone().requires_grad_() for t in (x, weight, bias)], functions, bind)
