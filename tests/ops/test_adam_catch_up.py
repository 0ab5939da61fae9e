"""Adam's steps for rows that were absent: hand-worked, torch's Adam with zero gradients, native."""

import pytest
import torch
from op_checks import ready, strided, threads
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError, OptionError
from topicforge.ops import adam_catch_up
from topicforge.ops import reference as plain

NAME = "adam_catch_up"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
NUMBERS = {"base": 5, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
# A dozen roundings of numbers of size 1 to 10, against the same steps in float64.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 4e-14}


def arguments(
    V: int, H: int, R: int, T: int, dtype: torch.dtype, device: str = "cpu"
) -> list[Tensor]:
    source = torch.Generator().manual_seed(7)
    weight, mean = (torch.randn(V, H, generator=source, dtype=dtype) for _ in range(2))
    square = torch.rand(V, H, generator=source, dtype=dtype) + 0.01
    since = 5 + torch.randint(0, T + 1, (V,), generator=source)
    row = torch.randperm(V, generator=source)[:R].sort().values
    rates = torch.linspace(0.01, 0.1, T, dtype=torch.float64)
    return [*(x.to(device) for x in (weight, mean, square, since, row)), rates]


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    weight = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    mean = torch.tensor([[8.0], [8.0], [8.0]], dtype=torch.float64)
    square = torch.tensor([[16.0], [16.0], [16.0]], dtype=torch.float64)
    since = torch.tensor([1, 1, 2])
    adam_catch_up(
        weight, mean, square, since, torch.tensor([0, 2]), torch.tensor([1.0, 2.0]).double(),
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
@pytest.mark.parametrize("behind", [1, 7, 1500])
def test_torchs_adam_with_zero_gradients(impl: str, behind: int) -> None:
    """1500 steps are past those that still count."""
    weight = torch.nn.Parameter(torch.linspace(-2, 2, 35, dtype=torch.float64).view(5, 7))
    adam = torch.optim.Adam([weight], 0.1, (0.9, 0.99), 1e-3)
    for step in range(3):
        weight.grad = torch.sin((step + 1) * torch.arange(35.0).double()).view(5, 7)
        adam.step()
    came = [
        weight.detach().clone(),
        *(adam.state[weight][n].clone() for n in ("exp_avg", "exp_avg_sq")),
    ]
    since = torch.full((5,), 3)
    rates = torch.linspace(0.1, 0.2, behind, dtype=torch.float64)
    adam_catch_up(
        *came, since, torch.arange(5), rates, base=3, beta1=0.9, beta2=0.99, eps=1e-3, impl=impl
    )
    for rate in rates.tolist():
        adam.param_groups[0]["lr"] = rate
        weight.grad = torch.zeros_like(weight)
        adam.step()
    # a few roundings a step until they don't count
    torch.testing.assert_close(came[0], weight.detach(), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(came[1], adam.state[weight]["exp_avg"], rtol=1e-12, atol=1e-30)
    torch.testing.assert_close(came[2], adam.state[weight]["exp_avg_sq"], rtol=1e-12, atol=1e-30)
    assert since.tolist() == [3 + behind] * 5


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("V", [1, 9, 300])
@pytest.mark.parametrize("H", [1, 3, 16, 50, 257])
@pytest.mark.parametrize("T", [0, 1, 40, 300])
def test_native_is_the_reference(device: str, dtype: torch.dtype, V: int, H: int, T: int) -> None:
    for R in {0, (V + 1) // 2, V}:
        came = arguments(V, H, R, T, dtype, device)
        wide = [x.double() if x.is_floating_point() else x.clone() for x in came]
        before = [x.clone() for x in came]
        adam_catch_up(*came, **NUMBERS, impl="native")
        adam_catch_up(*wide, **NUMBERS, impl="reference")
        for x, expected in zip(came, wide, strict=True):
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
            tensors = arguments(3000, 77, 2000, 30, torch.float32, device)
            adam_catch_up(*tensors, **NUMBERS, impl="native")
        results.append(tensors)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("impl", IMPLS)
def test_autograd_notices_that_it_was_written_to(impl: str) -> None:
    weight, *others = arguments(4, 3, 2, 6, torch.float32)
    weight.requires_grad_()
    loss = weight.square().sum()
    adam_catch_up(weight, *others, **NUMBERS, impl=impl)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("device", ready(NAME))
def test_the_registration_is_sound(device: str) -> None:
    torch.library.opcheck(
        torch.ops.topicforge.adam_catch_up.default,
        (*arguments(4, 3, 2, 6, torch.float32, device), 5, 0.9, 0.99, 1e-8),
        test_utils=("test_schema", "test_faketensor"),
    )


@pytest.mark.parametrize("device", ready(NAME))
def test_strides(device: str) -> None:
    came, wide = (arguments(9, 5, 4, 6, torch.float64, device) for _ in range(2))
    came[1] = strided(came[1])
    with pytest.raises(InputError, match="contiguous float32 or float64"):
        adam_catch_up(*came, **NUMBERS, impl="native")
    adam_catch_up(*came, **NUMBERS)  # the reference takes them
    adam_catch_up(*wide, **NUMBERS, impl="reference")
    for x, expected in zip(came, wide, strict=True):
        assert torch.equal(x, expected)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize(
    ("place", "wrong", "message"),
    [
        (4, torch.tensor([0, 0]), r"row must rise within \[0, 4\)"),
        (4, torch.tensor([2, 1]), r"row must rise within \[0, 4\)"),
        (4, torch.tensor([-1, 1]), r"row must rise within \[0, 4\)"),
        (4, torch.tensor([1, 4]), r"row must rise within \[0, 4\)"),
        (3, torch.tensor([4, 4, 4, 4]), r"since must be in \[5, 11\]"),
        (3, torch.tensor([12, 12, 12, 12]), r"since must be in \[5, 11\]"),
        (0, torch.zeros(4), r"weight must have shape \(V, H\)"),
        (1, torch.zeros(4, 2), "exp_avg must have the shape of weight"),
        (2, torch.zeros(4, 3).double(), "exp_avg_sq must be torch.float32"),
        (2, torch.zeros(4, 3, device="meta"), "exp_avg_sq must be on cpu"),
        (3, torch.zeros(4), "since must be int64"),
        (3, torch.tensor([5]), "since must have a number for each of the 4 rows"),
        (4, torch.zeros(2), "row must be int64"),
        (5, torch.zeros(6), "rates must be float64"),
        (5, torch.zeros(2, 3).double(), "rates must be float64"),
    ],
)  # fmt: skip
def test_refusals_write_nothing(impl: str, place: int, wrong: Tensor, message: str) -> None:
    tensors = arguments(4, 3, 2, 6, torch.float32)
    tensors[place] = wrong
    before = [x.clone() for x in tensors]
    with pytest.raises(InputError, match=message):
        adam_catch_up(*tensors, **NUMBERS, impl=impl)
    assert all(
        torch.equal(a, b) for a, b in zip(tensors, before, strict=True) if a.device.type == "cpu"
    )


def test_unknown_implementations_bases_and_half_types() -> None:
    tensors = arguments(4, 3, 2, 6, torch.float32)
    with pytest.raises(OptionError, match="impl must be one of"):
        adam_catch_up(*tensors, **NUMBERS, impl="fast")
    with pytest.raises(InputError, match="base must be a step"):
        adam_catch_up(*tensors, **{**NUMBERS, "base": -1})
    half = [x.bfloat16() if x.dtype == torch.float32 else x for x in tensors]
    expected = [x.clone() for x in half]
    adam_catch_up(*half, **NUMBERS)
    plain.adam_catch_up(*expected, 5, 0.9, 0.99, 1e-8)
    assert torch.equal(half[0], expected[0])
    with pytest.raises((InputError, KernelUnavailableError)):
        adam_catch_up(*half, **NUMBERS, impl="native")
