"""The sparse first layer: hand-worked, dense form, native against reference, sparse gradients."""

from pathlib import Path
from typing import Any

import pytest
import torch
from op_checks import (
    assert_same,
    assert_thread_independent,
    compiling,
    ready,
    scripting,
)
from sparse_cases import GRID, Case, dense
from sparse_checks import (
    check_half_and_autocast,
    check_scripted,
    check_second_derivative,
    check_strides_and_short_indices,
    check_traced,
    check_wrong_counts,
)
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import sparse_linear

NAME = "sparse_linear"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
DTYPES = [torch.float32, torch.float64]
# Sums of at most 300 products of numbers of size 4, both signs; the bias's gradient is one of 600
# cosines that all but cancel.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 4e-14}


def dense_arguments(case: Case, dtype: torch.dtype, device: str = "cpu") -> list[Tensor]:
    weight = case.normal(case.V, case.K, dtype=dtype, device=device, seed=3)
    return [weight, case.normal(case.K, dtype=dtype, device=device, seed=4)]


def arguments(case: Case, dtype: torch.dtype, device: str = "cpu") -> tuple[Any, list[Tensor]]:
    """The operator as a function of value, weight and bias."""
    crow, col, value = case.counts(dtype, device)

    def function(value: Tensor, weight: Tensor, bias: Tensor, **options: Any) -> Tensor:
        return sparse_linear(crow, col, value, weight, bias, **options)

    return function, [value, *dense_arguments(case, dtype, device)]


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    crow, col = torch.tensor([0, 2, 2, 3]), torch.tensor([1, 2, 1])
    value = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([[9.0, 9.0], [1.0, 2.0], [3.0, 5.0]], dtype=torch.float64)
    bias = torch.tensor([10.0, 20.0], dtype=torch.float64, requires_grad=True)
    weight.requires_grad_()
    y = sparse_linear(crow, col, value, weight, bias, impl=impl)
    assert y.tolist() == [[9.0, 19.0], [10.0, 20.0], [10.5, 21.0]]
    y.backward(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 4.0]], dtype=torch.float64))
    assert value.grad is not None
    assert weight.grad is not None
    assert bias.grad is not None
    assert value.grad.tolist() == [1.0, 3.0, 8.0]
    assert weight.grad.tolist() == [[0.0, 0.0], [2.0, 2.0], [-1.0, 0.0]]
    assert bias.grad.tolist() == [2.0, 5.0]


@pytest.mark.parametrize("impl", IMPLS)
def test_equals_the_dense_layer(impl: str) -> None:
    case = Case(12, 30, 5)
    counts = case.counts(torch.float64)
    weight, bias = dense_arguments(case, torch.float64)
    expected = torch.nn.functional.linear(dense(counts, case.V), weight.T, bias)
    assert torch.allclose(sparse_linear(*counts, weight, bias, impl=impl), expected)


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [*GRID, Case(600, 700, 150, share=0.02)], ids=str)
def test_native_equals_reference(device: str, dtype: torch.dtype, case: Case) -> None:
    function, tensors = arguments(case, dtype, device)
    assert_same(function, tensors, TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
def test_column_tiles(device: str, dtype: torch.dtype) -> None:
    # A weight far larger than the cache, each row read several times: columns come in tiles.
    case = Case(64, 1500, 700, share=0.12, holes=False)
    function, tensors = arguments(case, dtype, device)
    assert_same(function, tensors, TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
def test_strides_and_short_indices(device: str, dtype: torch.dtype) -> None:
    case = Case(9, 21, 19)
    tensors = dense_arguments(case, dtype, device)
    check_strides_and_short_indices(sparse_linear, case.counts(dtype, device), tensors)


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_any_number_of_threads(device: str) -> None:
    function, tensors = arguments(Case(150, 700, 133, share=0.1), torch.float32, device)
    assert_thread_independent(function, tensors)


@pytest.mark.parametrize("impl", IMPLS)
def test_a_word_twice_counts_twice(impl: str) -> None:
    crow, col, value = torch.tensor([0, 3]), torch.tensor([1, 0, 1]), torch.tensor([1.0, 4.0, 2.0])
    weight = torch.tensor([[1.0], [10.0]], requires_grad=True)
    y = sparse_linear(crow, col, value, weight, torch.zeros(1), impl=impl)
    y.sum().backward()
    assert y.tolist() == [[34.0]]
    assert weight.grad is not None
    assert weight.grad.tolist() == [[4.0], [3.0]]


@pytest.mark.parametrize("device", ready(NAME))
def test_gradcheck(device: str) -> None:
    function, tensors = arguments(Case(4, 6, 3), torch.float64, device)
    leaves = [x.requires_grad_() for x in tensors]
    torch.autograd.gradcheck(lambda *x: function(*x, impl="native"), leaves)


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
def test_opcheck(device: str, dtype: torch.dtype) -> None:
    ops = torch.ops.topicforge
    case = Case(5, 7, 3)
    crow, col, value = case.counts(dtype, device)
    weight, bias = dense_arguments(case, dtype, device)
    leaves = [x.clone().requires_grad_() for x in (value, weight, bias)]
    torch.library.opcheck(ops.sparse_linear.default, (crow, col, *leaves))
    grad = torch.ones(case.B, case.K, dtype=dtype, device=device)
    for wants in ((True, True, True), (False, True, False)):
        args = (grad, crow, col, value, weight, *wants)
        torch.library.opcheck(ops._sparse_linear_backward.default, args)


@pytest.mark.parametrize("device", ready(NAME))
def test_second_derivative_is_refused_in_words(device: str) -> None:
    function, tensors = arguments(Case(4, 6, 3), torch.float64, device)
    leaves = [x.requires_grad_() for x in tensors]
    # The reference is embedding_bag, which has first derivatives only, so it is no way out.
    check_second_derivative(function, leaves, advice="dense product")
    first = torch.autograd.grad(
        function(*leaves, impl="reference").square().sum(), leaves[:1], create_graph=True
    )
    with pytest.raises(RuntimeError, match="embedding_bag"):
        first[0].sum().backward()


@pytest.mark.parametrize("device", ready(NAME))
def test_half_types_and_autocast(device: str) -> None:
    case = Case(8, 15, 6)
    counts, tensors = (
        case.counts(torch.float32, device),
        dense_arguments(case, torch.float32, device),
    )
    check_half_and_autocast(sparse_linear, counts, tensors, device)


@compiling
@pytest.mark.parametrize("device", ready(NAME))
def test_compile_and_export(device: str) -> None:
    case = Case(6, 9, 5)
    counts, tensors = (
        case.counts(torch.float32, device),
        dense_arguments(case, torch.float32, device),
    )
    check_traced(sparse_linear, counts, tensors)


@scripting
@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_script(device: str, tmp_path: Path) -> None:
    case = Case(6, 9, 5)
    inputs = [*case.counts(torch.float32, device), *dense_arguments(case, torch.float32, device)]
    check_scripted(sparse_linear, inputs, tmp_path, "auto")


@pytest.mark.parametrize("impl", IMPLS)
def test_wrong_arguments_say_so(impl: str) -> None:
    case = Case(3, 5, 2, holes=False, share=0.9)
    counts, tensors = case.counts(torch.float32), dense_arguments(case, torch.float32)
    check_wrong_counts(sparse_linear, counts, tensors, case.V, impl)
    weight, bias = tensors
    with pytest.raises(InputError, match=r"weight must have shape \(V, H\)"):
        sparse_linear(*counts, bias, bias, impl=impl)
    with pytest.raises(InputError, match=r"bias must have shape \(H,\) with H = 2, but has \(1,\)"):
        sparse_linear(*counts, weight, bias[:1], impl=impl)


@pytest.mark.parametrize("impl", IMPLS[1:])
@pytest.mark.parametrize("H", [128, 129])
def test_a_gradient_larger_than_the_cache_is_the_same(H: int, impl: str) -> None:
    # rows of 128 floats are stored past the cache from 24 MiB on, rows of 129 are never aligned
    V, B = 50_000, 512
    source = torch.Generator().manual_seed(0)
    words = torch.randint(V, (B, 97), generator=source).sort(1).values
    crow, col = torch.arange(0, B * 97 + 1, 97), words.flatten()
    value = torch.rand(len(col), generator=source)
    weight = torch.randn(V, H, generator=source)
    weighting = torch.randn(B, H, generator=source)

    def gradient(impl: str) -> Tensor:
        leaf = weight.clone().requires_grad_()
        bias = torch.zeros(H)
        out = sparse_linear(crow, col, value, leaf, bias, impl=impl)
        (out * weighting).sum().backward()
        assert leaf.grad is not None
        return leaf.grad

    # sums of a few products of size 1: rounding alone
    torch.testing.assert_close(gradient(impl), gradient("reference"), rtol=1e-5, atol=1e-5)
