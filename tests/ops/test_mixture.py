"""The three operators on Gaussian mixtures: against scipy, scikit-learn and loops, native, extremes."""

from collections.abc import Callable
from math import log, sqrt
from typing import Any

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
from sklearn.mixture import GaussianMixture
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError
from topicforge.ops import mixture_kl_bound, mixture_log_prob, mixture_responsibilities

NAME = "mixture_log_prob"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
DTYPES = [torch.float32, torch.float64]
OPERATORS = [mixture_log_prob, mixture_responsibilities, mixture_kl_bound]
each_operator = pytest.mark.parametrize("operator", OPERATORS)
Operator = Callable[..., Tensor]


def arguments(operator: Operator, case: Case, dtype: torch.dtype, device: str) -> list[Tensor]:
    """The operator's tensors."""
    make = case.posterior if operator is mixture_kl_bound else case.mixture
    return make(dtype, device)


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
def test_no_cube_in_memory(device: str) -> None:
    case = Case(2000, 20, 400)
    tensors = [x.requires_grad_() for x in case.mixture(torch.float32, device)]
    cube = 4 * case.B * case.L * case.C
    with threads(1):
        mixture_log_prob(tensors[0][:9], *tensors[1:], impl="native").sum().backward()
        growth = peak_growth(lambda: mixture_log_prob(*tensors, impl="native").sum().backward())
    assert growth < cube / 10


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


@pytest.mark.parametrize("impl", IMPLS)
def test_bad_input_has_words(impl: str) -> None:
    z, loc, log_var, log_weight = Case(9, 5, 4).mixture(torch.float32, "cpu")
    with pytest.raises(InputError, match="log_var must have shape"):
        mixture_log_prob(z, loc, log_var[:, :2], log_weight, impl=impl)
    with pytest.raises(
        InputError, match=r"log_weight must have shape \(C,\) with C = 4, but has \(3,\)"
    ):
        mixture_log_prob(z, loc, log_var, log_weight[:3], impl=impl)
    with pytest.raises(
        InputError, match=r"z must have shape \(B, L\) with L = 5, but has \(9, 3\)"
    ):
        mixture_log_prob(z[:, :3], loc, log_var, log_weight, impl=impl)
    with pytest.raises(InputError, match="C >= 1"):
        mixture_log_prob(z, loc[:0], log_var[:0], log_weight[:0], impl=impl)
    with pytest.raises(InputError, match="z must be a floating-point tensor"):
        mixture_log_prob(z.long(), loc, log_var, log_weight, impl=impl)


@pytest.mark.parametrize("impl", IMPLS)
def test_equals_scikit_learn(impl: str) -> None:
    z, loc, log_var, log_weight = Case(12, 3, 4).mixture(torch.float64, "cpu")
    model = GaussianMixture(4, covariance_type="diag")
    model.weights_, model.means_ = log_weight.exp().numpy(), loc.numpy()
    model.covariances_ = log_var.exp().numpy()
    model.precisions_cholesky_ = (-0.5 * log_var).exp().numpy()
    expected = torch.from_numpy(model.predict_proba(z.numpy()))
    came = mixture_responsibilities(z, loc, log_var, log_weight, impl=impl)
    assert torch.allclose(came, expected, atol=1e-12)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_far_from_every_component(impl: str, dtype: torch.dtype) -> None:
    # 40 deviations away every density underflows; exp(density) + 1e-10 would say ½ and ½. The
    # log-densities differ by ½ (41² - 40²) = 40.5 plus the log-odds of the weights.
    z, loc = torch.tensor([[0.0]], dtype=dtype), torch.tensor([[40.0], [41.0]], dtype=dtype)
    log_weight = torch.tensor([0.5, 0.5], dtype=dtype).log()
    zero = torch.zeros(2, 1, dtype=dtype)
    near, far = mixture_responsibilities(z, loc, zero, log_weight, impl=impl)[0].tolist()
    assert near == 1.0
    assert far == pytest.approx(
        2.718281828459045**-40.5, rel=1e-4 if dtype == torch.float32 else 1e-12
    )


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", GRID + EXTREMES, ids=str)
def test_responsibilities_native_equals_reference(
    device: str, dtype: torch.dtype, case: Case
) -> None:
    tensors = case.mixture(dtype, device)
    came = mixture_responsibilities(*tensors, impl="native")
    wide = [x.double() for x in tensors]
    expected = mixture_responsibilities(*wide, impl="reference")
    assert came.shape == expected.shape
    assert torch.allclose(came.double(), expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    assert torch.allclose(came.sum(-1), torch.ones_like(came[:, 0]), atol=1e-5)


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "case", [Case(33, 2, 11), Case(65, 3, 10, isotropic=True), Case(150, 2, 50)], ids=str
)
def test_responsibilities_native_gradients_equal_reference(
    device: str, dtype: torch.dtype, case: Case
) -> None:
    # Few dimensions, so that components overlap and the gradients are far from rounding.
    assert_same(mixture_responsibilities, case.mixture(dtype, device), TOLERANCE[dtype])


@pytest.mark.parametrize("impl", IMPLS)
def test_responsibilities_component_of_weight_zero(impl: str) -> None:
    z, loc, log_var, _ = Case(9, 3, 3).mixture(torch.float64, "cpu")
    log_weight = torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64).log()
    value, grads = run(mixture_responsibilities, [z, loc, log_var, log_weight], impl=impl)
    assert torch.equal(value[:, 1], torch.zeros(9, dtype=torch.float64))
    assert all(torch.isfinite(g).all() for g in grads)


@pytest.mark.parametrize("device", ready(NAME))
def test_responsibilities_opcheck(device: str) -> None:
    ops = torch.ops.topicforge
    tensors = Case(4, 3, 5).mixture(torch.float64, device)
    leaves = [x.clone().requires_grad_() for x in tensors]
    torch.library.opcheck(ops.mixture_responsibilities.default, tuple(leaves))
    shares = ops.mixture_responsibilities(*tensors)
    args = (torch.ones_like(shares), *tensors[:3], shares)
    torch.library.opcheck(ops._mixture_responsibilities_backward.default, args)


@pytest.mark.parametrize("impl", IMPLS)
def test_responsibilities_bad_input_has_words(impl: str) -> None:
    z, loc, log_var, log_weight = Case(9, 5, 4).mixture(torch.float32, "cpu")
    with pytest.raises(InputError, match="mixture_responsibilities: log_var must have shape"):
        mixture_responsibilities(z, loc, log_var.T, log_weight, impl=impl)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("isotropic", [False, True])
def test_equals_the_equation_as_it_is_written(impl: str, isotropic: bool) -> None:
    case = Case(5, 3, 4, isotropic)
    loc, log_var, z, mix_loc, mix_log_var, log_weight = case.posterior(torch.float64, "cpu")
    eta = mixture_responsibilities(z, mix_loc, mix_log_var, log_weight, impl="reference")
    came = mixture_kl_bound(loc, log_var, z, mix_loc, mix_log_var, log_weight, impl=impl)
    for b in range(case.B):
        expected = 0.0
        for c in range(case.C):
            for j in range(case.L):
                lv = mix_log_var[c, 0 if isotropic else j].item()
                variance = 2.718281828459045**lv
                expected += (
                    0.5
                    * eta[b, c].item()
                    * (
                        lv
                        + log_var[b, j].exp().item() / variance
                        + (loc[b, j] - mix_loc[c, j]).item() ** 2 / variance
                    )
                )
            expected -= eta[b, c].item() * (log_weight[c].item() - log(eta[b, c].item()))
        expected -= 0.5 * (1.0 + log_var[b]).sum().item()
        assert came[b].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("impl", IMPLS)
def test_one_component_is_the_closed_form_of_two_gaussians(impl: str) -> None:
    loc, log_var, z, mix_loc, mix_log_var, _ = Case(6, 4, 1).posterior(torch.float64, "cpu")
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(loc, (0.5 * log_var).exp()),
        torch.distributions.Normal(mix_loc, (0.5 * mix_log_var).exp()),
    ).sum(-1)
    came = mixture_kl_bound(loc, log_var, z, mix_loc, mix_log_var, torch.zeros(1).double(), impl)
    assert torch.allclose(came, expected, rtol=1e-12)


def test_bounds_the_kl_divergence_from_above() -> None:
    # With η taken at samples z of q, the mean of the bound is above KL(q || mixture), whose
    # Monte Carlo estimate from 20,000 samples has the standard error used here.
    loc, log_var, _, *mixture = Case(1, 2, 5).posterior(torch.float64, "cpu", seed=3)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(20_000, 2, generator=generator, dtype=torch.float64)
    z = loc + (0.5 * log_var).exp() * noise
    log_q = torch.distributions.Normal(loc, (0.5 * log_var).exp()).log_prob(z).sum(-1)
    kl = log_q - mixture_log_prob(z, *mixture)
    many = (loc.expand_as(z), log_var.expand_as(z))
    bound = mixture_kl_bound(*many, z, *mixture)
    assert bound.mean() > kl.mean() - 4 * kl.std() / sqrt(20_000)


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", GRID + EXTREMES, ids=str)
def test_bound_native_equals_reference(device: str, dtype: torch.dtype, case: Case) -> None:
    tensors = case.posterior(dtype, device)
    came = mixture_kl_bound(*tensors, impl="native").double()
    expected = mixture_kl_bound(*[x.double() for x in tensors], impl="reference")
    assert torch.allclose(came, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "case", [Case(33, 2, 11), Case(65, 3, 10, isotropic=True), Case(150, 20, 50)], ids=str
)
def test_bound_native_gradients_equal_reference(
    device: str, dtype: torch.dtype, case: Case
) -> None:
    assert_same(mixture_kl_bound, case.posterior(dtype, device), 3 * TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
def test_one_component_has_it_all(device: str) -> None:
    # η is exactly one-hot: z has no gradient left, not the rounding of two large numbers.
    tensors = Case(20, 6, 5).posterior(torch.float32, device)
    tensors[3] = 100.0 * torch.arange(5.0, device=device)[:, None].expand(5, 6).contiguous()
    tensors[2] = tensors[3][torch.arange(20, device=device) % 5] + 0.5
    tensors[0] = tensors[2] + 0.25
    for impl in ("native", "reference"):
        _, grads = run(mixture_kl_bound, tensors, impl=impl)
        assert torch.equal(grads[2], torch.zeros_like(grads[2])), impl
        assert float(grads[0].abs().max()) > 0.1


@pytest.mark.parametrize("impl", IMPLS)
def test_bound_component_of_weight_zero(impl: str) -> None:
    loc, log_var, z, mix_loc, mix_log_var, _ = Case(9, 3, 3).posterior(torch.float64, "cpu")
    log_weight = torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64).log()
    tensors = [loc, log_var, z, mix_loc, mix_log_var, log_weight]
    value, grads = run(mixture_kl_bound, tensors, impl=impl)
    kept = [0, 2]
    expected = mixture_kl_bound(
        loc, log_var, z, mix_loc[kept], mix_log_var[kept], log_weight[kept], impl="reference"
    )
    assert torch.allclose(value, expected, rtol=1e-12)
    assert all(torch.isfinite(g).all() for g in grads)


@pytest.mark.parametrize("device", ready(NAME))
def test_bound_opcheck(device: str) -> None:
    ops = torch.ops.topicforge
    tensors = Case(4, 3, 5).posterior(torch.float64, device)
    leaves = [x.clone().requires_grad_() for x in tensors]
    torch.library.opcheck(ops.mixture_kl_bound.default, tuple(leaves))
    bound, log_prob, gap = ops.mixture_kl_bound(*tensors)
    ones = torch.ones_like(bound)
    args = (ones, 2 * ones, 3 * ones, *tensors, log_prob, gap)
    torch.library.opcheck(ops._mixture_kl_bound_backward.default, args)


@pytest.mark.parametrize("impl", IMPLS)
def test_bound_bad_input_has_words(impl: str) -> None:
    tensors = Case(9, 5, 4).posterior(torch.float32, "cpu")
    with pytest.raises(
        InputError, match=r"loc must have shape \(B, L\) with B = 9, but has \(8, 5\)"
    ):
        mixture_kl_bound(tensors[0][:8], *tensors[1:], impl=impl)
    with pytest.raises(InputError, match="mix_log_var must have shape"):
        mixture_kl_bound(*tensors[:4], tensors[4][:, :2], tensors[5], impl=impl)


@pytest.mark.parametrize("device", ready(NAME))
@each_operator
def test_gradcheck(operator: Operator, device: str) -> None:
    for case in (Case(4, 3, 5), Case(3, 2, 4, isotropic=True)):
        leaves = arguments(operator, case, torch.float64, device)
        leaves = [x.requires_grad_() for x in leaves]
        torch.autograd.gradcheck(lambda *x: operator(*x, impl="native"), leaves)
        torch.autograd.gradcheck(getattr(torch.ops.topicforge, operator.__name__), leaves)


@pytest.mark.parametrize("device", ready(NAME)[:1])
@each_operator
def test_threads_change_no_bit(operator: Operator, device: str) -> None:
    for case in (Case(700, 9, 37), Case(700, 20, 37), Case(300, 3, 37)):
        tensors = arguments(operator, case, torch.float32, device)
        assert_thread_independent(operator, tensors)


@pytest.mark.parametrize("device", ready(NAME))
@each_operator
def test_second_derivative_is_a_clear_error(operator: Operator, device: str) -> None:
    for case in (Case(4, 3, 5), Case(4, 2, 5)):
        leaves = arguments(operator, case, torch.float64, device)
        leaves = [x.requires_grad_() for x in leaves]
        value = operator(*leaves, impl="native")
        (grad,) = torch.autograd.grad(value.square().sum(), leaves[0], create_graph=True)
        with pytest.raises(KernelUnavailableError, match='impl="reference"'):
            grad.square().sum().backward()


@compiling
@pytest.mark.parametrize("impl", IMPLS)
@each_operator
def test_compile_and_export(operator: Operator, impl: str) -> None:
    tensors = arguments(operator, Case(9, 5, 4), torch.float64, "cpu")

    def function(*x: Tensor) -> Tensor:
        return operator(*x, impl=impl).square()

    expected, grads = run(function, tensors)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    value, compiled_grads = run(compiled, tensors)
    assert torch.allclose(value, expected, rtol=1e-12, atol=1e-14)
    for came, want in zip(compiled_grads, grads, strict=True):
        assert torch.allclose(came, want, rtol=1e-10, atol=1e-12)
    assert torch.allclose(exported(function, tuple(tensors))(*tensors), expected)


def _log_prob(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    return mixture_log_prob(z, loc, log_var, log_weight)


def _responsibilities(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    return mixture_responsibilities(z, loc, log_var, log_weight)


def _bound(
    loc: Tensor,
    log_var: Tensor,
    z: Tensor,
    mix_loc: Tensor,
    mix_log_var: Tensor,
    log_weight: Tensor,
) -> Tensor:
    return mixture_kl_bound(loc, log_var, z, mix_loc, mix_log_var, log_weight)


_WRAPPERS = dict(
    zip([f.__name__ for f in OPERATORS], [_log_prob, _responsibilities, _bound], strict=True)
)


@scripting
@pytest.mark.parametrize("device", ready(NAME)[:1])
@each_operator
def test_script(operator: Operator, device: str, tmp_path: Any) -> None:
    for case in (Case(9, 5, 4), Case(9, 5, 4, isotropic=True)):
        tensors = arguments(operator, case, torch.float32, device)
        module = scripted(_WRAPPERS[operator.__name__], tmp_path)
        assert torch.equal(module(*tensors), operator(*tensors))
