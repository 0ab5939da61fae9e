"""A dense layer, 800 to 800 units for a batch of 200, forward and backward, float32.

Contenders: ``torch.nn.Linear``, and the layer that gives large products to oneDNN. Where torch's
own library (MKL) uses the processor's widest instructions both take the same time. The floor is
that of three products at the rate of torch's product of two large square matrices.
"""

from collections.abc import Callable

import pytest
import torch
from baselines import generator
from table import matrix_rate
from torch import Tensor, nn

from topicforge.parts.layers import Linear

B, H = 200, 800
LAYERS = {"native": Linear, "torch.nn.Linear": nn.Linear}
# 1.1 times slower than torch's own would be a mistake on any processor
AT_LEAST = {"native": None, "torch.nn.Linear": 0.9}


@pytest.mark.parametrize("contender", LAYERS)
def bench_linear(race: Callable[..., None], contender: str) -> None:
    source = generator(0)
    x = torch.randn(B, H, generator=source).requires_grad_()
    grad = torch.randn(B, H, generator=source)
    torch.manual_seed(0)
    layer = LAYERS[contender](H, H)

    def run(layer: nn.Module, x: Tensor, grad: Tensor) -> list[Tensor]:
        y = layer(x)
        return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], grad)]

    def check() -> None:
        wide = nn.Linear(H, H, dtype=torch.float64)
        wide.load_state_dict(layer.state_dict())
        expected = run(wide, x.detach().double().requires_grad_(), grad.double())
        for came, wanted in zip(run(layer, x, grad), expected, strict=True):
            # float32 sums of 800 products
            assert float((came - wanted).abs().max() / wanted.abs().max()) < 1e-5

    race(
        f"dense layer, {H} to {H} units, {B} documents, forward + backward",
        contender,
        lambda: run(layer, x, grad),
        check,
        AT_LEAST[contender],
        floor=3 * 2 * B * H * H / matrix_rate() if contender == "native" else None,
        floor_of="three products",
    )
