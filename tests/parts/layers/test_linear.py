"""Dense layers: torch's own results and derivatives, whichever library makes the product."""

import copy

import pytest
import torch
from torch import nn

from topicforge.parts.layers import Linear

# a product large enough for oneDNN, and one that isn't
SIZES = {"large": (256, 384, 320), "small": (4, 6, 5)}
# float32 sums of up to 384 products, of values of size 1 in the result
TOLERANCE = 2e-5


def pair(size: str, *, bias: bool = True) -> tuple[Linear, nn.Linear, torch.Tensor]:
    rows, width, out = SIZES[size]
    torch.manual_seed(0)
    ours = Linear(width, out, bias=bias)
    plain = nn.Linear(width, out, bias=bias, dtype=torch.float64)
    plain.load_state_dict(copy.deepcopy(ours.state_dict()))
    return ours, plain, torch.randn(rows, width)


def with_gradients(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    y = layer(x)
    weight = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    return [y, *torch.autograd.grad((y * weight).sum(), [x, *layer.parameters()])]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_torchs(size, bias):
    ours, plain, x = pair(size, bias=bias)
    expected = with_gradients(plain, x.double())
    for came, wanted in zip(with_gradients(ours, x), expected, strict=True):
        gap = (came.double() - wanted).abs().max() / wanted.abs().max()
        assert gap < TOLERANCE


@pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="needs an x86 processor"
)
def test_large_products_are_onednns_and_others_torchs(monkeypatch):
    def makers(size: str) -> str:
        ours, _, x = pair(size)
        return type(ours(x).grad_fn).__name__

    assert makers("large") == "_ProductBackward"
    assert makers("small") == "AddmmBackward0"
    with torch.autocast("cpu", torch.bfloat16):
        ours, _, x = pair("large")
        assert ours(x).dtype == torch.bfloat16
    ours.eval()
    assert type(ours(x).grad_fn).__name__ == "AddmmBackward0"
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert makers("large") == "AddmmBackward0"


def test_second_derivatives():
    ours, plain, x = pair("large")

    def penalty(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), layer.weight)[0]

    came, wanted = penalty(ours, x).double(), penalty(plain, x.double())
    # two products deeper than a value
    assert (came - wanted).abs().max() / wanted.abs().max() < 10 * TOLERANCE


def test_functional_gradients():
    ours, plain, x = pair("large")

    def loss(layer: nn.Module):
        return lambda weight, x: (
            torch.func.functional_call(layer, {"weight": weight, "bias": layer.bias}, (x,))
            .square()
            .mean()
        )

    came = torch.func.grad(loss(ours))(ours.weight.detach(), x).double()
    wanted = torch.func.grad(loss(plain))(plain.weight.detach(), x.double())
    assert (came - wanted).abs().max() / wanted.abs().max() < TOLERANCE


def test_another_width_is_refused_as_torch_does():
    ours, _, x = pair("large")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        ours(x[:, 1:])


def test_compiles():
    ours, _, x = pair("large")
    torch.testing.assert_close(
        torch.compile(ours, backend="eager", fullgraph=True)(x), ours(x), atol=TOLERANCE, rtol=0
    )
