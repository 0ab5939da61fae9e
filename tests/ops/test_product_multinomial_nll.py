"""Log-sum-exp likelihood of the product decoder: hand-worked, dense form, native against reference."""

from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from op_checks import (
    assert_same,
    assert_thread_independent,
    compiling,
    peak_growth,
    ready,
    run,
    scripting,
)
from sparse_cases import GRID, Case, dense, on
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
from topicforge.ops import _product_multinomial_nll as module
from topicforge.ops import product_multinomial_nll

NAME = "product_multinomial_nll"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
DTYPES = [torch.float32, torch.float64]
# Logits are sums of K products of normal numbers; a rounding of them goes through the exponential.
TOLERANCE = {torch.float32: 6e-6, torch.float64: 1e-14}


def dense_arguments(case: Case, dtype: torch.dtype, device: str = "cpu") -> list[Tensor]:
    weight = case.normal(case.V, case.K, dtype=dtype, device=device, seed=3)
    bias = case.normal(case.V, dtype=dtype, device=device, seed=4)
    return [case.theta(dtype, device), weight, bias]


def arguments(case: Case, dtype: torch.dtype, device: str = "cpu") -> tuple[Any, list[Tensor]]:
    counts = case.counts(dtype, device)
    return on(product_multinomial_nll, counts), dense_arguments(case, dtype, device)


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    # Logits log 1, log 2, log 5 for document 0 and 2: probabilities 1/8, 2/8, 5/8.
    crow, col = torch.tensor([0, 2, 2, 3]), torch.tensor([0, 1, 2])
    count = torch.tensor([2.0, 1.0, 3.0], dtype=torch.float64)
    theta = torch.tensor([[1.0], [2.0], [1.0]], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([[log(1)], [log(4)], [log(10)]], dtype=torch.float64)
    bias = torch.tensor([0.0, -log(2), -log(2)], dtype=torch.float64)
    weight.requires_grad_()
    bias.requires_grad_()
    nll = product_multinomial_nll(crow, col, count, theta, weight, bias, impl=impl)
    expected = [2 * log(8) + log(4), 0.0, 3 * log(8 / 5)]
    assert nll.tolist() == pytest.approx(expected, rel=1e-14)
    nll.sum().backward()
    # N p - x: document 0 [3/8 - 2, 6/8 - 1, 15/8], document 2 [3/8, 6/8, 15/8 - 3].
    first, third = [-1.625, -0.25, 1.875], [0.375, 0.75, -1.125]
    both = [a + b for a, b in zip(first, third, strict=True)]
    assert bias.grad is not None
    assert weight.grad is not None
    assert theta.grad is not None
    assert bias.grad.tolist() == pytest.approx(both, rel=1e-13)
    assert weight.grad.flatten().tolist() == pytest.approx(both, rel=1e-13)
    slopes = [sum(a * log(w) for a, w in zip(h, (1, 4, 10), strict=True)) for h in (first, third)]
    assert theta.grad.flatten().tolist() == pytest.approx([slopes[0], 0.0, slopes[1]], rel=1e-13)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("tile", [7, 64, 1 << 22])
def test_equals_the_dense_form(impl: str, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TILE_ELEMENTS", tile)
    case = Case(12, 30, 5)
    function, tensors = arguments(case, torch.float64)
    x = dense(case.counts(torch.float64), case.V)

    def form(theta: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return -(x * torch.log_softmax(theta @ weight.T + bias, 1)).sum(1)

    expected, came = run(form, tensors), run(function, tensors, impl=impl)
    for want, got in zip([expected[0], *expected[1]], [came[0], *came[1]], strict=True):
        assert torch.allclose(got, want, rtol=1e-12, atol=1e-13)


def test_the_reference_can_be_differentiated_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TILE_ELEMENTS", 9)
    function, tensors = arguments(Case(3, 7, 2), torch.float64)
    leaves = [x.requires_grad_() for x in tensors]
    torch.autograd.gradgradcheck(lambda *x: function(*x, impl="reference"), leaves)


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [case for case in GRID if case.V > 1], ids=str)
def test_native_equals_reference(device: str, dtype: torch.dtype, case: Case) -> None:
    function, tensors = arguments(case, dtype, device)
    assert_same(function, tensors, TOLERANCE[dtype], value_scale=10.0)


@pytest.mark.parametrize("impl", IMPLS)
def test_one_word_is_certain(impl: str) -> None:
    function, tensors = arguments(Case(3, 1, 2, holes=False, share=1.0), torch.float64)
    value, grads = run(function, tensors, impl=impl)
    for x in (value, *grads):
        assert x.abs().max() < 1e-14


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2)])
def test_each_gradient_alone(device: str, wanted: tuple[int, ...]) -> None:
    function, tensors = arguments(Case(20, 60, 9), torch.float64, device)
    _, everything = run(function, tensors, impl="native")
    leaves = [x.clone().requires_grad_(i in wanted) for i, x in enumerate(tensors)]
    value = function(*leaves, impl="native")
    weights = torch.cos(torch.arange(20, dtype=torch.float64, device=device))
    (value * weights).sum().backward()
    for i, leaf in enumerate(leaves):
        if i in wanted:
            assert leaf.grad is not None
            assert torch.equal(leaf.grad, everything[i])
        else:
            assert leaf.grad is None


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
def test_strides_and_short_indices(device: str, dtype: torch.dtype) -> None:
    case = Case(9, 21, 19)
    counts = case.counts(dtype, device)
    tensors = dense_arguments(case, dtype, device)
    check_strides_and_short_indices(product_multinomial_nll, counts, tensors)


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_any_number_of_threads(device: str) -> None:
    function, tensors = arguments(Case(150, 1700, 33, share=0.05), torch.float32, device)
    assert_thread_independent(function, tensors)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_logits_and_masked_words(impl: str, dtype: torch.dtype) -> None:
    # exp(1e4) overflows in either type; words 60 and above are out of the softmax.
    case = Case(4, 120, 3, holes=False, share=0.2, largest=10**6)
    crow, col, count = case.counts(dtype)
    col = col % 60
    theta, weight, bias = dense_arguments(case, dtype)
    bias[60:] = -torch.inf
    bias[:60] += 1e4
    wide = [x.double() for x in (theta, weight, bias)]
    logits = wide[0] @ wide[1].T + wide[2]
    expected = -(dense([crow, col, count], 120)[:, :60] * logits.log_softmax(1)[:, :60]).sum(1)
    counts = [crow, col, count]
    value, grads = run(on(product_multinomial_nll, counts), [theta, weight, bias], impl=impl)
    # A logit near 1e4 is rounded to 6e-4 in float32, relative to a -log p of about 4.
    rtol = 3e-4 if dtype == torch.float32 else 1e-12
    assert torch.allclose(value.double(), expected, rtol=rtol)
    assert all(g.isfinite().all() for g in grads)
    assert not grads[1][60:].any()
    assert not grads[2][60:].any()


@pytest.mark.parametrize("impl", IMPLS)
def test_not_a_number_stays_in_its_document(impl: str) -> None:
    case = Case(40, 60, 4, holes=False)
    counts = case.counts(torch.float32)
    theta, weight, bias = dense_arguments(case, torch.float32)
    theta[17, 2] = torch.nan
    nll = product_multinomial_nll(*counts, theta, weight, bias, impl=impl)
    assert nll.isnan().nonzero().flatten().tolist() == [17]


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_memory_does_not_grow_with_documents_times_words(device: str) -> None:
    case = Case(512, 40_000, 8, share=0.0005)
    function, tensors = arguments(case, torch.float32, device)
    run(function, tensors, impl="native")
    # One (B, V) matrix would be 82 MB, and the dense form holds three; gradients are 1.5 MB.
    assert peak_growth(lambda: run(function, tensors, impl="native")) < 25e6


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
    counts, tensors = case.counts(dtype, device), dense_arguments(case, dtype, device)
    leaves = [x.clone().requires_grad_() for x in tensors]
    torch.library.opcheck(ops.product_multinomial_nll.default, (*counts, *leaves))
    log_sum_exp = ops.product_multinomial_nll(*counts, *tensors)[1]
    grad = torch.ones(case.B, dtype=dtype, device=device)
    for wants in ((True, True, True), (False, True, False)):
        torch.library.opcheck(
            ops._product_multinomial_nll_backward.default,
            (grad, *counts, *tensors, log_sum_exp, *wants),
        )


@pytest.mark.parametrize("device", ready(NAME))
def test_second_derivative_is_refused_in_words(device: str) -> None:
    function, tensors = arguments(Case(4, 6, 3), torch.float64, device)
    check_second_derivative(function, [x.requires_grad_() for x in tensors])


@pytest.mark.parametrize("device", ready(NAME))
def test_half_types_and_autocast(device: str) -> None:
    case = Case(8, 15, 6)
    counts, tensors = (
        case.counts(torch.float32, device),
        dense_arguments(case, torch.float32, device),
    )
    check_half_and_autocast(product_multinomial_nll, counts, tensors, device)


@compiling
@pytest.mark.parametrize("device", ready(NAME))
def test_compile_and_export(device: str) -> None:
    case = Case(6, 9, 5)
    counts, tensors = (
        case.counts(torch.float32, device),
        dense_arguments(case, torch.float32, device),
    )
    check_traced(product_multinomial_nll, counts, tensors)


@scripting
@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_script(device: str, tmp_path: Path) -> None:
    case = Case(6, 9, 5)
    inputs = [*case.counts(torch.float32, device), *dense_arguments(case, torch.float32, device)]
    check_scripted(product_multinomial_nll, inputs, tmp_path, "auto")


@pytest.mark.parametrize("impl", IMPLS)
def test_wrong_arguments_say_so(impl: str) -> None:
    case = Case(3, 5, 2, holes=False, share=0.9)
    counts, tensors = case.counts(torch.float32), dense_arguments(case, torch.float32)
    check_wrong_counts(product_multinomial_nll, counts, tensors, case.V, impl)
    theta, weight, bias = tensors
    with pytest.raises(
        InputError, match=r"theta must have shape \(B, K\) with B = 3, but has \(2, 2\)"
    ):
        product_multinomial_nll(*counts, theta[1:], weight, bias, impl=impl)
    with pytest.raises(InputError, match=r"must have shape \(V, K\) with K = "):
        product_multinomial_nll(*counts, theta, weight[:, :1], bias, impl=impl)
    with pytest.raises(InputError, match=r"bias must have shape \(V,\) with V = 5"):
        product_multinomial_nll(*counts, theta, weight, bias[:3], impl=impl)
    empty = [torch.zeros(4, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), torch.zeros(0)]
    with pytest.raises(InputError, match="the vocabulary is empty"):
        product_multinomial_nll(*empty, theta, weight[:0], bias[:0], impl=impl)
