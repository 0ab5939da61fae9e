"""Adam's steps by rows: hand-worked, torch's Adam, native against plain PyTorch."""

from typing import Any

import pytest
import torch
from op_checks import ready, strided, threads
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError, OptionError
from topicforge.ops import adam_rows

NAME = "adam_rows"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
NUMBERS: dict[str, Any] = {"base": 5, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
# A dozen roundings of numbers of size 1 to 10, against the same steps in float64.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 4e-14}


def arguments(
    V: int, H: int, R: int, T: int, dtype: torch.dtype, *, grad: bool = False, device: str = "cpu"
) -> list[Any]:
    source = torch.Generator().manual_seed(7)
    weight, mean = (torch.randn(V, H, generator=source, dtype=dtype) for _ in range(2))
    square = torch.rand(V, H, generator=source, dtype=dtype) + 0.01
    since = 5 + torch.randint(0, T + 1 - grad, (V,), generator=source)
    row = torch.randperm(V, generator=source)[:R].sort().values
    given = torch.randn(R, H, generator=source, dtype=dtype).to(device) if grad else None
    rates = torch.linspace(0.01, 0.1, T, dtype=torch.float64)
    return [*(x.to(device) for x in (weight, mean, square, since, row)), given, rates]


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked_without_a_gradient(impl: str) -> None:
    weight = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    mean = torch.tensor([[8.0], [8.0], [8.0]], dtype=torch.float64)
    square = torch.tensor([[16.0], [16.0], [16.0]], dtype=torch.float64)
    since = torch.tensor([1, 1, 2])
    adam_rows(
        weight, mean, square, since, torch.tensor([0, 2]), None, torch.tensor([1.0, 2.0]).double(),
        base=1, beta1=0.5, beta2=0.25, eps=1.0, impl=impl,
    )  # fmt: skip
    # row 0 takes steps 2 and 3, row 2 step 3 alone, row 1 none
    assert since.tolist() == [3, 1, 3]
    assert mean.flatten().tolist() == [2.0, 8.0, 4.0]
    assert square.flatten().tolist() == [1.0, 16.0, 4.0]
    second = 4 / 0.75 / ((4 / (1 - 0.25**2)) ** 0.5 + 1)
    third = 2 * 2 / 0.875 / ((1 / (1 - 0.25**3)) ** 0.5 + 1)
    alone = 2 * 4 / 0.875 / ((4 / (1 - 0.25**3)) ** 0.5 + 1)
    expected = torch.tensor([1 - second - third, 2.0, 3 - alone], dtype=torch.float64)
    torch.testing.assert_close(weight.flatten(), expected, rtol=0, atol=1e-15)  # roundings of 3


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked_with_a_gradient_and_weight_decay(impl: str) -> None:
    weight, mean, square = (torch.tensor([[x]], dtype=torch.float64) for x in (4.0, 0.0, 0.0))
    since = torch.tensor([0])
    adam_rows(
        weight, mean, square, since, torch.tensor([0]), torch.tensor([[1.0]]).double(),
        torch.tensor([0.5]).double(), base=0, beta1=0.5, beta2=0.75, eps=1.0, weight_decay=0.25,
        impl=impl,
    )  # fmt: skip
    # g = 1 + 4 / 4 = 2, m = 1, v = 1; m / (1 - 0.5) = 2, v / (1 - 0.75) = 4
    assert (mean.item(), square.item(), since.item()) == (1.0, 1.0, 1)
    assert weight.item() == pytest.approx(4 - 0.5 * 2 / (2 + 1), abs=1e-15)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("behind", [1, 7, 1500])
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_the_steps_of_torchs_adam(impl: str, behind: int, grad: bool, weight_decay: float) -> None:
    """1500 steps without a gradient are past those that still count."""
    weight = torch.nn.Parameter(torch.linspace(-2, 2, 35, dtype=torch.float64).view(5, 7))
    adam = torch.optim.Adam([weight], 0.1, (0.9, 0.99), 1e-3, weight_decay)
    for step in range(3):
        weight.grad = torch.sin((step + 1) * torch.arange(35.0).double()).view(5, 7)
        adam.step()
    moments = adam.state[weight]
    came: list[Any] = [
        x.clone() for x in (weight.detach(), moments["exp_avg"], moments["exp_avg_sq"])
    ]
    since, rates = torch.full((5,), 3), torch.linspace(0.1, 0.2, behind, dtype=torch.float64)
    last = torch.cos(torch.arange(35.0).double()).view(5, 7)
    adam_rows(
        *came, since, torch.arange(5), last if grad else None, rates,
        base=3, beta1=0.9, beta2=0.99, eps=1e-3, weight_decay=weight_decay, impl=impl,
    )  # fmt: skip
    for number, rate in enumerate(rates.tolist(), 1):
        adam.param_groups[0]["lr"] = rate
        weight.grad = last.clone() if grad and number == behind else torch.zeros_like(weight)
        adam.step()
    # a few roundings per step until they don't count; weight decay goes on counting
    torch.testing.assert_close(came[0], weight.detach(), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(came[1], moments["exp_avg"], rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(came[2], moments["exp_avg_sq"], rtol=1e-10, atol=1e-13)
    assert since.tolist() == [3 + behind] * 5


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("V", "H"), [(1, 1), (9, 3), (9, 257), (300, 16), (300, 50)])
@pytest.mark.parametrize("T", [0, 1, 40, 300])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("grad", [False, True])
def test_native_is_the_reference(
    device: str, dtype: torch.dtype, V: int, H: int, T: int, weight_decay: float, grad: bool
) -> None:
    if grad and not T:
        return
    numbers = {**NUMBERS, "weight_decay": weight_decay}
    for R in {0, (V + 1) // 2, V}:
        came = arguments(V, H, R, T, dtype, grad=grad, device=device)
        wide: list[Any] = [
            x if x is None else x.double() if x.is_floating_point() else x.clone() for x in came
        ]
        before: list[Any] = [x if x is None else x.clone() for x in came]
        adam_rows(*came, **numbers, impl="native")
        adam_rows(*wide, **numbers, impl="reference")
        for x, expected in zip(came[:4], wide, strict=False):
            torch.testing.assert_close(
                x.double(), expected.double(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
            )
        absent = torch.ones(V, dtype=torch.bool)
        absent[came[4]] = False
        assert all(
            torch.equal(x[absent], y[absent]) for x, y in zip(came[:4], before, strict=False)
        )


@pytest.mark.parametrize("device", ready(NAME))
def test_any_number_of_threads(device: str) -> None:
    results = []
    for count in (1, 2, 3, 5):
        with threads(count):
            tensors = arguments(3000, 77, 2000, 30, torch.float32, grad=True, device=device)
            adam_rows(*tensors, **NUMBERS, impl="native")
        results.append(tensors)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("impl", IMPLS)
def test_autograd_notices_that_it_was_written_to(impl: str) -> None:
    weight, *others = arguments(4, 3, 2, 6, torch.float32)
    weight.requires_grad_()
    loss = weight.square().sum()
    adam_rows(weight, *others, **NUMBERS, impl=impl)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("device", ready(NAME))
def test_the_registration_is_sound(device: str) -> None:
    torch.library.opcheck(
        torch.ops.topicforge.adam_rows.default,
        (*arguments(4, 3, 2, 6, torch.float32, grad=True, device=device), 5, 0.9, 0.99, 1e-8, 0.1),
        test_utils=("test_schema", "test_faketensor"),
    )


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize(
    ("place", "wrong", "message"),
    [
        (4, torch.tensor([0, 0]), r"row must rise within \[0, 4\)"),
        (4, torch.tensor([2, 1]), r"row must rise within \[0, 4\)"),
        (4, torch.tensor([-1, 1]), r"row must rise within \[0, 4\)"),
        (4, torch.tensor([1, 4]), r"row must rise within \[0, 4\)"),
        (3, torch.tensor([4, 4, 4, 4]), r"since must be in \[5, 10\]"),
        (3, torch.tensor([11, 11, 11, 11]), r"since must be in \[5, 10\]"),
        (0, torch.zeros(4), r"weight must have shape \(V, H\)"),
        (1, torch.zeros(4, 2), r"exp_avg must have shape \(V, H\) with H = 3"),
        (1, strided(torch.zeros(4, 3)), "exp_avg must be contiguous torch.float32"),
        (2, torch.zeros(4, 3).double(), "exp_avg_sq must be contiguous torch.float32"),
        (2, torch.zeros(4, 3, device="meta"), "exp_avg_sq must be contiguous torch.float32 on cpu"),
        (3, torch.zeros(4), "since must be contiguous torch.int64"),
        (3, torch.tensor([5]), r"since must have shape \(V,\) with V = 4"),
        (4, torch.zeros(2), "row must be contiguous torch.int64"),
        (5, torch.zeros(3, 3), r"grad must have shape \(R, H\) with R = 2"),
        (5, torch.zeros(2, 3).bfloat16(), "grad must be contiguous torch.float32"),
        (6, torch.zeros(6), "rates must be float64"),
        (6, torch.zeros(2, 3).double(), r"rates must have shape \(T,\)"),
    ],
)  # fmt: skip
def test_refusals_write_nothing(impl: str, place: int, wrong: Tensor, message: str) -> None:
    tensors = arguments(4, 3, 2, 6, torch.float32, grad=True)
    tensors[place] = wrong
    before = [x.clone() for x in tensors]
    with pytest.raises(InputError, match=message):
        adam_rows(*tensors, **NUMBERS, impl=impl)
    assert all(
        torch.equal(a, b) for a, b in zip(tensors, before, strict=True) if a.device.type == "cpu"
    )


def test_unknown_implementations_bases_and_half_types() -> None:
    tensors = arguments(4, 3, 2, 6, torch.float32)
    with pytest.raises(OptionError, match="impl must be one of"):
        adam_rows(*tensors, **NUMBERS, impl="fast")
    with pytest.raises(InputError, match="after base"):
        adam_rows(*tensors, **{**NUMBERS, "base": -1})
    tensors[0] = tensors[0].half()
    with pytest.raises((InputError, KernelUnavailableError), match="weight must be contiguous"):
        adam_rows(*tensors, **NUMBERS)
