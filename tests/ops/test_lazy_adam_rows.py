"""Adam on rows: hand-worked, torch's Adam where every row moves, native against reference."""

import pytest
import torch
from op_checks import ready, strided, threads
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError, OptionError
from topicforge.ops import lazy_adam_rows
from topicforge.ops import reference as plain

NAME = "lazy_adam_rows"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
NUMBERS = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "step": 3, "weight_decay": 0.01}
# A step is a dozen roundings of numbers of size 1.
TOLERANCE = {torch.float32: 2e-6, torch.float64: 4e-15}


def arguments(V: int, H: int, R: int, dtype: torch.dtype, device: str = "cpu") -> list[Tensor]:
    source = torch.Generator().manual_seed(7)
    weight, mean = (torch.randn(V, H, generator=source, dtype=dtype) for _ in range(2))
    square = torch.rand(V, H, generator=source, dtype=dtype)
    row = torch.randperm(V, generator=source)[:R].sort().values
    grad = torch.randn(R, H, generator=source, dtype=dtype)
    return [x.to(device) for x in (weight, mean, square, row, grad)]


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    weight = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    mean = torch.tensor([[0.0], [0.0], [4.0]], dtype=torch.float64)
    square = torch.tensor([[0.0], [0.0], [4.0]], dtype=torch.float64)
    grad = torch.tensor([[4.0], [2.0]], dtype=torch.float64)
    lazy_adam_rows(
        weight, mean, square, torch.tensor([0, 2]), grad,
        lr=1.0, beta1=0.5, beta2=0.75, eps=1.0, step=2, impl=impl,
    )  # fmt: skip
    # row 0: m = 2, v = 16 / 4 = 4; row 2: m = (4 + 2) / 2 = 3, v = 3/4 4 + 1/4 4 = 4
    assert mean.flatten().tolist() == [2.0, 0.0, 3.0]
    assert square.flatten().tolist() == [4.0, 0.0, 4.0]
    # m^ = m / (1 - 1/4), v^ = v / (1 - 9/16), both roots the same
    root = (4 / (7 / 16)) ** 0.5 + 1
    expected = torch.tensor([1 - 2 / 0.75 / root, 2.0, 3 - 3 / 0.75 / root], dtype=torch.float64)
    torch.testing.assert_close(weight.flatten(), expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_torchs_adam_where_every_row_moves(impl: str, weight_decay: float) -> None:
    weight, mean, square, row, _ = arguments(5, 7, 5, torch.float64)
    mean.zero_()
    square.zero_()
    parameter = torch.nn.Parameter(weight.clone())
    adam = torch.optim.Adam([parameter], 0.1, (0.8, 0.9), 1e-3, weight_decay)
    for step in range(1, 6):
        grad = torch.sin(step * torch.arange(35.0, dtype=torch.float64)).view(5, 7)
        parameter.grad = grad.clone()
        adam.step()
        lazy_adam_rows(
            weight, mean, square, row, grad, lr=0.1, beta1=0.8, beta2=0.9, eps=1e-3, step=step,
            weight_decay=weight_decay, impl=impl,
        )  # fmt: skip
    # five steps of a dozen roundings
    torch.testing.assert_close(weight, parameter.detach(), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("V", [1, 9, 700])
@pytest.mark.parametrize("H", [1, 3, 16, 50, 257])
def test_native_is_the_reference(device: str, dtype: torch.dtype, V: int, H: int) -> None:
    for R in {0, 1, (V + 1) // 2, V}:
        came = arguments(V, H, R, dtype, device)
        wide = [x.double() if x.is_floating_point() else x for x in came]
        before = came[0].clone()
        lazy_adam_rows(*came, **NUMBERS, impl="native")
        lazy_adam_rows(*wide, **NUMBERS, impl="reference")
        for x, expected in zip(came, wide, strict=True):
            torch.testing.assert_close(
                x.double(), expected.double(), rtol=0, atol=TOLERANCE[dtype] * 8
            )
        absent = torch.ones(V, dtype=torch.bool)
        absent[came[3]] = False
        assert torch.equal(came[0][absent], before[absent])


@pytest.mark.parametrize("device", ready(NAME))
def test_any_number_of_threads(device: str) -> None:
    results = []
    for count in (1, 2, 3, 5):
        with threads(count):
            tensors = arguments(3000, 77, 2000, torch.float32, device)
            lazy_adam_rows(*tensors, **NUMBERS, impl="native")
        results.append(tensors)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("impl", IMPLS)
def test_autograd_notices_that_it_was_written_to(impl: str) -> None:
    weight, mean, square, row, grad = arguments(4, 3, 2, torch.float32)
    weight.requires_grad_()
    loss = weight.square().sum()
    lazy_adam_rows(weight, mean, square, row, grad, **NUMBERS, impl=impl)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("device", ready(NAME))
def test_the_registration_is_sound(device: str) -> None:
    tensors = arguments(4, 3, 2, torch.float32, device)
    numbers = (0.1, 0.9, 0.99, 1e-8, 0.0, 3)
    torch.library.opcheck(
        torch.ops.topicforge.lazy_adam_rows.default, (*tensors, *numbers),
        test_utils=("test_schema", "test_faketensor"),
    )  # fmt: skip


@pytest.mark.parametrize("device", ready(NAME))
def test_strides(device: str) -> None:
    came, wide = (arguments(9, 5, 4, torch.float64, device) for _ in range(2))
    came[4] = strided(came[4])
    lazy_adam_rows(*came, **NUMBERS, impl="native")
    lazy_adam_rows(*wide, **NUMBERS, impl="reference")
    torch.testing.assert_close(came[0], wide[0])
    came, wide = (arguments(9, 5, 4, torch.float64, device) for _ in range(2))
    came[1] = strided(came[1])
    with pytest.raises(InputError, match="contiguous float32 or float64"):
        lazy_adam_rows(*came, **NUMBERS, impl="native")
    lazy_adam_rows(*came, **NUMBERS)  # the reference takes them
    lazy_adam_rows(*wide, **NUMBERS, impl="reference")
    for x, expected in zip(came, wide, strict=True):
        assert torch.equal(x, expected)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("row", [[0, 0], [2, 1], [-1, 1], [1, 4]])
def test_rows_out_of_order_are_refused_and_nothing_is_written(impl: str, row: list[int]) -> None:
    tensors = arguments(4, 3, 2, torch.float32)
    tensors[3] = torch.tensor(row)
    before = [x.clone() for x in tensors]
    with pytest.raises(InputError, match=r"row must rise within \[0, 4\)"):
        lazy_adam_rows(*tensors, **NUMBERS, impl=impl)
    assert all(torch.equal(a, b) for a, b in zip(tensors, before, strict=True))


@pytest.mark.parametrize(
    ("place", "wrong", "message"),
    [
        (0, torch.zeros(4), r"weight must have shape \(V, H\)"),
        (1, torch.zeros(4, 2), "exp_avg must have the shape of weight"),
        (2, torch.zeros(4, 3).double(), "exp_avg_sq must be torch.float32"),
        (3, torch.zeros(2), "row must be int64"),
        (3, torch.zeros(2, 1).long(), "row must be int64"),
        (4, torch.zeros(2), r"grad must have shape \(R, H\)"),
        (4, torch.zeros(3, 3), r"grad must have shape \(R, H\) = \(2, 3\)"),
        (4, torch.zeros(2, 3, device="meta"), "grad must be on cpu"),
    ],
)
def test_refusals(place: int, wrong: Tensor, message: str) -> None:
    tensors = arguments(4, 3, 2, torch.float32)
    tensors[place] = wrong
    with pytest.raises(InputError, match=message):
        lazy_adam_rows(*tensors, **NUMBERS)


def test_unknown_implementations_and_half_types() -> None:
    tensors = arguments(4, 3, 2, torch.float32)
    with pytest.raises(OptionError, match="impl must be one of"):
        lazy_adam_rows(*tensors, **NUMBERS, impl="fast")
    half = [x.bfloat16() if x.is_floating_point() else x for x in tensors]
    expected = [x.clone() for x in half]
    lazy_adam_rows(*half, **NUMBERS)
    plain.lazy_adam_rows(*expected, 0.1, 0.9, 0.99, 1e-8, 0.01, 3)
    assert torch.equal(half[0], expected[0])
    with pytest.raises((InputError, KernelUnavailableError)):
        lazy_adam_rows(*half, **NUMBERS, impl="native")
