"""Sparse likelihood of a mixture of topics: hand-worked, dense form, native against reference."""

from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from op_checks import assert_same, assert_thread_independent, compiling, ready, scripting
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
from topicforge.ops import sparse_multinomial_nll

NAME = "sparse_multinomial_nll"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
DTYPES = [torch.float32, torch.float64]
# A sum of K products, a logarithm, a sum over words: a few roundings each.
TOLERANCE = {torch.float32: 3e-6, torch.float64: 5e-15}


def arguments(case: Case, dtype: torch.dtype, device: str = "cpu") -> tuple[Any, list[Tensor]]:
    counts = case.counts(dtype, device)
    return on(sparse_multinomial_nll, counts), [
        case.theta(dtype, device),
        case.topic_word(dtype, device),
    ]


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    # Document 0: word 1 twice, word 2 once; document 1 is empty; document 2: word 0 three times.
    crow, col = torch.tensor([0, 2, 2, 3]), torch.tensor([1, 2, 0])
    count = torch.tensor([2.0, 1.0, 3.0], dtype=torch.float64)
    theta = torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]], dtype=torch.float64)
    beta = torch.tensor([[0.8, 0.4], [0.1, 0.3], [0.1, 0.3]], dtype=torch.float64)
    theta.requires_grad_()
    beta.requires_grad_()
    nll = sparse_multinomial_nll(crow, col, count, theta, beta, impl=impl)
    # p = 0.2 for both words of document 0; 0.25 · 0.8 + 0.75 · 0.4 = 0.5 in document 2.
    assert nll.tolist() == pytest.approx([-3 * log(0.2), 0.0, 3 * log(2)], rel=1e-15)
    nll.sum().backward()
    # -x β / p and -x θ / p.
    assert theta.grad is not None
    assert beta.grad is not None
    assert theta.grad.flatten().tolist() == pytest.approx(
        [-3 * 0.1 / 0.2, -3 * 0.3 / 0.2, 0.0, 0.0, -3 * 0.8 / 0.5, -3 * 0.4 / 0.5], rel=1e-14
    )
    assert beta.grad.flatten().tolist() == pytest.approx(
        [-3 * 0.25 / 0.5, -3 * 0.75 / 0.5, -5.0, -5.0, -2.5, -2.5], rel=1e-14
    )


@pytest.mark.parametrize("impl", IMPLS)
def test_equals_the_dense_form(impl: str) -> None:
    case = Case(12, 30, 5)
    counts = case.counts(torch.float64)
    theta, beta = case.theta(torch.float64), case.topic_word(torch.float64)
    expected = -(dense(counts, case.V) * (theta @ beta.T).log()).sum(1)
    assert torch.allclose(sparse_multinomial_nll(*counts, theta, beta, impl=impl), expected)


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", GRID, ids=str)
def test_native_equals_reference(device: str, dtype: torch.dtype, case: Case) -> None:
    function, tensors = arguments(case, dtype, device)
    assert_same(function, tensors, TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
def test_strides_and_short_indices(device: str, dtype: torch.dtype) -> None:
    case = Case(9, 21, 19)
    tensors = [case.theta(dtype, device), case.topic_word(dtype, device)]
    check_strides_and_short_indices(sparse_multinomial_nll, case.counts(dtype, device), tensors)


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_any_number_of_threads(device: str) -> None:
    function, tensors = arguments(Case(150, 700, 33, share=0.1), torch.float32, device)
    assert_thread_independent(function, tensors)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_impossible_words_cost_the_floor_and_have_no_gradient(
    impl: str, dtype: torch.dtype
) -> None:
    crow, col = torch.tensor([0, 2]), torch.tensor([0, 1])
    count = torch.tensor([1e6, 2.0], dtype=dtype)
    theta = torch.tensor([[1.0, 0.0]], dtype=dtype, requires_grad=True)
    beta = torch.tensor([[1.0, 0.5], [0.0, 0.5]], dtype=dtype, requires_grad=True)
    nll = sparse_multinomial_nll(crow, col, count, theta, beta, impl=impl)
    # Word 0 is certain and costs nothing however often it comes.
    floor = -2 * log(torch.finfo(dtype).tiny)
    assert nll.tolist() == pytest.approx([floor], rel=1e-6 if dtype == torch.float32 else 1e-14)
    nll.sum().backward()
    assert theta.grad is not None
    assert beta.grad is not None
    assert theta.grad.tolist() == [[-1e6, -5e5]]
    assert beta.grad.tolist() == [[-1e6, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_counts_and_not_a_number(impl: str, dtype: torch.dtype) -> None:
    case = Case(6, 11, 4, largest=10**6)
    counts = case.counts(dtype)
    theta, beta = case.theta(dtype), case.topic_word(dtype)
    expected = -(dense(counts, case.V).double() * (theta.double() @ beta.double().T).log()).sum(1)
    nll = sparse_multinomial_nll(*counts, theta, beta, impl=impl)
    assert torch.allclose(nll.double(), expected, rtol=TOLERANCE[dtype])
    theta[1, 2] = torch.nan
    spoilt = sparse_multinomial_nll(*counts, theta, beta, impl=impl).isnan().tolist()
    assert spoilt == [False, True, False, False, False, False]


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
    counts = case.counts(dtype, device)
    theta = case.theta(dtype, device).requires_grad_()
    beta = case.topic_word(dtype, device).requires_grad_()
    torch.library.opcheck(ops.sparse_multinomial_nll.default, (*counts, theta, beta))
    saved = [*counts, theta.detach(), beta.detach()]
    p = ops.sparse_multinomial_nll(*saved)[1]
    grad = torch.ones(case.B, dtype=dtype, device=device)
    for wants in ((True, True), (False, True)):
        torch.library.opcheck(
            ops._sparse_multinomial_nll_backward.default, (grad, *saved, p, *wants)
        )


@pytest.mark.parametrize("device", ready(NAME))
def test_second_derivative_is_refused_in_words(device: str) -> None:
    function, tensors = arguments(Case(4, 6, 3), torch.float64, device)
    check_second_derivative(function, [x.requires_grad_() for x in tensors])


@pytest.mark.parametrize("device", ready(NAME))
def test_half_types_and_autocast(device: str) -> None:
    case = Case(8, 15, 6)
    tensors = [case.theta(torch.float32, device), case.topic_word(torch.float32, device)]
    counts = case.counts(torch.float32, device)
    check_half_and_autocast(sparse_multinomial_nll, counts, tensors, device)


@compiling
@pytest.mark.parametrize("device", ready(NAME))
def test_compile_and_export(device: str) -> None:
    case = Case(6, 9, 5)
    tensors = [case.theta(torch.float32, device), case.topic_word(torch.float32, device)]
    check_traced(sparse_multinomial_nll, case.counts(torch.float32, device), tensors)


@scripting
@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_script(device: str, tmp_path: Path) -> None:
    case = Case(6, 9, 5)
    inputs = [
        *case.counts(torch.float32),
        case.theta(torch.float32),
        case.topic_word(torch.float32),
    ]
    check_scripted(sparse_multinomial_nll, [x.to(device) for x in inputs], tmp_path, "auto")


@pytest.mark.parametrize("impl", IMPLS)
def test_wrong_arguments_say_so(impl: str) -> None:
    case = Case(3, 5, 2, holes=False, share=0.9)
    counts = case.counts(torch.float32)
    theta, beta = case.theta(torch.float32), case.topic_word(torch.float32)
    check_wrong_counts(sparse_multinomial_nll, counts, [theta, beta], case.V, impl)
    crow, col, count = counts
    with pytest.raises(
        InputError, match=r"theta must have shape \(B, K\) with B = 3, but has \(2, 2\)"
    ):
        sparse_multinomial_nll(*counts, theta[1:], beta, impl=impl)
    with pytest.raises(InputError, match=r"must have shape \(V, K\) with K = "):
        sparse_multinomial_nll(*counts, theta, beta[:, :1], impl=impl)
    with pytest.raises(InputError, match="count gets no gradient"):
        sparse_multinomial_nll(crow, col, count.requires_grad_(), theta, beta, impl=impl)
