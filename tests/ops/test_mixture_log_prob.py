"""Log-likelihood of a Gaussian mixture: against scipy and torch.distributions, native, extremes."""

import pytest
import torch
from mixture_cases import EXTREMES, GRID, TOLERANCE, Case
from op_checks import (
    assert_same,
    assert_thread_independent,
    compiling,
    exported,
    peak_growth,
    ready,
    run,
    scripted,
    scripting,
    strided,
    threads,
)
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError
from topicforge.ops import mixture_log_prob, mixture_responsibilities

NAME = "mixture_log_prob"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
DTYPES = [torch.float32, torch.float64]


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("isotropic", [False, True])
def test_equals_scipy(impl: str, isotropic: bool) -> None:
    z, loc, log_var, log_weight = Case(6, 3, 4, isotropic).mixture(torch.float64, "cpu")
    variances = log_var.exp().expand(4, 3).numpy()
    parts = [
        multivariate_normal(loc[c].numpy(), variances[c]).logpdf(z.numpy()) + log_weight[c].item()
        for c in range(4)
    ]
    expected = logsumexp(parts, axis=0)
    came = mixture_log_prob(z, loc, log_var, log_weight, impl=impl)
    assert came.tolist() == pytest.approx(expected.tolist(), rel=1e-13)


@pytest.mark.parametrize("impl", IMPLS)
def test_equals_torch_distributions(impl: str) -> None:
    z, loc, log_var, log_weight = Case(7, 4, 5).mixture(torch.float64, "cpu")
    torch_mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=log_weight),
        torch.distributions.Independent(torch.distributions.Normal(loc, (0.5 * log_var).exp()), 1),
    )
    came = mixture_log_prob(z, loc, log_var, log_weight, impl=impl)
    assert torch.allclose(came, torch_mixture.log_prob(z), rtol=1e-13)


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked_gradient(impl: str) -> None:
    # One component, N(z; μ, σ²) with z - μ = 3 and σ² = 4: log p = -½ (log 2π + log 4 + 9/4).
    tensors = [torch.tensor(x, dtype=torch.float64) for x in ([[3.0]], [[0.0]], [[0.0]], [0.0])]
    tensors[2] = torch.tensor([[4.0]], dtype=torch.float64).log()
    leaves = [x.requires_grad_() for x in tensors]
    value = mixture_log_prob(*leaves, impl=impl)
    assert value.item() == pytest.approx(-0.5 * (1.8378770664093453 + 1.3862943611198906 + 2.25))
    grads = torch.autograd.grad(value.sum(), leaves)
    # -(z - μ)/σ², (z - μ)/σ², ½ ((z - μ)²/σ² - 1), 1
    assert [g.item() for g in grads] == pytest.approx([-0.75, 0.75, 0.625, 1.0], rel=1e-14)


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", GRID, ids=str)
def test_native_equals_reference(device: str, dtype: torch.dtype, case: Case) -> None:
    assert_same(mixture_log_prob, case.mixture(dtype, device), TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_dimensions(device: str, dtype: torch.dtype) -> None:
    # Dimensions beyond the last whole vector go their own way, if they are few.
    for L in range(1, 34):
        case = Case(35, L, 7, isotropic=L % 3 == 0)
        assert_same(mixture_log_prob, case.mixture(dtype, device), TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", EXTREMES, ids=str)
def test_extremes(device: str, dtype: torch.dtype, case: Case) -> None:
    assert_same(mixture_log_prob, case.mixture(dtype, device), TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
def test_far_means_keep_float64_grade_in_float32(device: str) -> None:
    # Same float32 numbers, both ways: only the arithmetic differs. The expanded square has an
    # error of (10³)² · 20 · 6e-8 = 1 here.
    tensors = Case(64, 20, 12, far=1e3).mixture(torch.float32, device)
    came = mixture_log_prob(*tensors, impl="native").double()
    expected = mixture_log_prob(*[x.double() for x in tensors], impl="reference")
    assert float((came - expected).abs().max()) < 2e-5


@pytest.mark.parametrize("impl", IMPLS)
def test_component_of_weight_zero(impl: str) -> None:
    z, loc, log_var, _ = Case(9, 3, 4).mixture(torch.float64, "cpu")
    log_weight = torch.tensor([0.25, 0.0, 0.5, 0.25], dtype=torch.float64).log()
    value, grads = run(mixture_log_prob, [z, loc, log_var, log_weight], impl=impl)
    kept = [0, 2, 3]
    expected, _ = run(
        mixture_log_prob, [z, loc[kept], log_var[kept], log_weight[kept]], impl="reference"
    )
    assert torch.allclose(value, expected, rtol=1e-13)
    assert all(torch.isfinite(g).all() for g in grads)
    assert torch.equal(grads[1][1], torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("device", ready(NAME))
def test_gradcheck(device: str) -> None:
    for case in (Case(4, 3, 5), Case(3, 2, 4, isotropic=True)):
        leaves = [x.requires_grad_() for x in case.mixture(torch.float64, device)]
        torch.autograd.gradcheck(lambda *x: mixture_log_prob(*x, impl="native"), leaves)


@pytest.mark.parametrize("device", ready(NAME))
def test_opcheck(device: str) -> None:
    ops = torch.ops.topicforge
    for dtype, case in ((torch.float32, Case(4, 3, 5)), (torch.float64, Case(3, 2, 4, True))):
        tensors = case.mixture(dtype, device)
        leaves = [x.clone().requires_grad_() for x in tensors]
        torch.library.opcheck(ops.mixture_log_prob.default, tuple(leaves))
        value = ops.mixture_log_prob(*tensors)
        args = (torch.ones_like(value), *tensors, value)
        torch.library.opcheck(ops._mixture_log_prob_backward.default, args)
        if device == "cpu":  # the operator that keeps responsibilities for its backward
            value, shares = ops._mixture_log_prob_keep(*tensors)
            torch.library.opcheck(ops._mixture_log_prob_keep.default, tuple(tensors))
            args = (torch.ones_like(value), *tensors[:3], shares)
            torch.library.opcheck(ops._mixture_log_prob_kept_backward.default, args)


@pytest.mark.parametrize("device", ready(NAME)[:1])
@pytest.mark.parametrize("case", [Case(70, 17, 34), Case(70, 17, 35)], ids=str)
def test_responsibilities_are_kept_up_to_twice_as_many_components(device: str, case: Case) -> None:
    # At C = 2 L they are as large as z twice; beyond, the backward makes them again.
    leaves = [x.requires_grad_() for x in case.mixture(torch.float64, device)]
    value = mixture_log_prob(*leaves, impl="native")
    kept = any(x.shape == (case.B, case.C) for x in _saved(value))
    assert kept == (case.C <= 2 * case.L)
    shares = mixture_responsibilities(*[x.detach() for x in leaves], impl="reference")
    (grad,) = torch.autograd.grad(value.sum(), leaves[3])
    assert torch.allclose(grad, shares.sum(0), rtol=1e-12)


def _saved(value: Tensor) -> tuple[Tensor, ...]:
    saved = getattr(value.grad_fn, "saved_tensors", ())
    return tuple(saved)


@pytest.mark.parametrize("device", ready(NAME))
def test_strided_input(device: str) -> None:
    tensors = Case(9, 5, 4).mixture(torch.float64, device)
    expected, grads = run(mixture_log_prob, tensors, impl="native")
    leaves = [strided(x).requires_grad_() for x in tensors]
    value = mixture_log_prob(*leaves, impl="native")
    assert torch.equal(value, expected)
    weights = torch.cos(torch.arange(9, dtype=torch.float64, device=device))
    for grad, want in zip(torch.autograd.grad(value, leaves, weights), grads, strict=True):
        assert torch.equal(grad, want)
    (grad,) = torch.autograd.grad(
        mixture_log_prob(leaves[0], *tensors[1:], impl="native").sum(), leaves[0]
    )  # the gradient that arrives is an expanded scalar
    assert torch.isfinite(grad).all()


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_threads_change_no_bit(device: str) -> None:
    for case in (Case(700, 9, 37), Case(700, 20, 37)):
        assert_thread_independent(mixture_log_prob, case.mixture(torch.float32, device))


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_no_cube_in_memory(device: str) -> None:
    case = Case(2000, 20, 400)
    tensors = [x.requires_grad_() for x in case.mixture(torch.float32, device)]
    cube = 4 * case.B * case.L * case.C
    with threads(1):
        mixture_log_prob(tensors[0][:9], *tensors[1:], impl="native").sum().backward()
        growth = peak_growth(lambda: mixture_log_prob(*tensors, impl="native").sum().backward())
    assert growth < cube / 10


@pytest.mark.parametrize("device", ready(NAME))
def test_second_derivative_is_a_clear_error(device: str) -> None:
    for case in (Case(4, 3, 5), Case(4, 2, 5)):
        leaves = [x.requires_grad_() for x in case.mixture(torch.float64, device)]
        (grad,) = torch.autograd.grad(
            mixture_log_prob(*leaves, impl="native").sum(), leaves[0], create_graph=True
        )
        with pytest.raises(KernelUnavailableError, match='impl="reference"'):
            grad.square().sum().backward()


@pytest.mark.parametrize("impl", IMPLS)
def test_half_types_and_autocast(impl: str) -> None:
    tensors = Case(9, 5, 4).mixture(torch.float32, "cpu")
    plain = mixture_log_prob(*tensors, impl=impl)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(plain, mixture_log_prob(*tensors, impl=impl))
    z = tensors[0].half().requires_grad_()
    value = mixture_log_prob(z, *tensors[1:], impl=impl)
    assert value.dtype == torch.float32
    (grad,) = torch.autograd.grad(value.sum(), z)
    assert grad.dtype == torch.float16


@compiling
@pytest.mark.parametrize("impl", IMPLS)
def test_compile_and_export(impl: str) -> None:
    tensors = Case(9, 5, 4).mixture(torch.float64, "cpu")

    def function(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
        return 2.0 * mixture_log_prob(z, loc, log_var, log_weight, impl=impl)

    expected, grads = run(function, tensors)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    value, compiled_grads = run(compiled, tensors)
    assert torch.allclose(value, expected, rtol=1e-13)
    for came, want in zip(compiled_grads, grads, strict=True):
        assert torch.allclose(came, want, rtol=1e-12)
    assert torch.allclose(exported(function, tuple(tensors))(*tensors), expected)


@scripting
@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_script(device: str, tmp_path: object) -> None:
    def function(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
        return mixture_log_prob(z, loc, log_var, log_weight)

    tensors = Case(9, 5, 4, isotropic=True).mixture(torch.float32, device)
    assert torch.equal(scripted(function, tmp_path)(*tensors), mixture_log_prob(*tensors))


@pytest.mark.parametrize("impl", IMPLS)
def test_bad_input_has_words(impl: str) -> None:
    z, loc, log_var, log_weight = Case(9, 5, 4).mixture(torch.float32, "cpu")
    with pytest.raises(InputError, match="log_var must have shape"):
        mixture_log_prob(z, loc, log_var[:, :2], log_weight, impl=impl)
    with pytest.raises(InputError, match="one weight a component"):
        mixture_log_prob(z, loc, log_var, log_weight[:3], impl=impl)
    with pytest.raises(InputError, match="same number L of columns"):
        mixture_log_prob(z[:, :3], loc, log_var, log_weight, impl=impl)
    with pytest.raises(InputError, match="C >= 1"):
        mixture_log_prob(z, loc[:0], log_var[:0], log_weight[:0], impl=impl)
    with pytest.raises(InputError, match="z must be a floating-point tensor"):
        mixture_log_prob(z.long(), loc, log_var, log_weight, impl=impl)
