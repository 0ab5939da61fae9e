"""The expected terms of survey eq. 17: by loops, by Monte Carlo, by closed forms, native."""

from math import log, sqrt

import pytest
import torch
from mixture_cases import EXTREMES, GRID, TOLERANCE, Case
from op_checks import (
    assert_same,
    assert_thread_independent,
    compiling,
    exported,
    ready,
    run,
    scripted,
    scripting,
)
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError
from topicforge.ops import mixture_kl_bound, mixture_log_prob, mixture_responsibilities

NAME = "mixture_kl_bound"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
DTYPES = [torch.float32, torch.float64]


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
def test_native_equals_reference(device: str, dtype: torch.dtype, case: Case) -> None:
    tensors = case.posterior(dtype, device)
    came = mixture_kl_bound(*tensors, impl="native").double()
    expected = mixture_kl_bound(*[x.double() for x in tensors], impl="reference")
    assert torch.allclose(came, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "case", [Case(33, 2, 11), Case(65, 3, 10, isotropic=True), Case(150, 20, 50)], ids=str
)
def test_native_gradients_equal_reference(device: str, dtype: torch.dtype, case: Case) -> None:
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
def test_component_of_weight_zero(impl: str) -> None:
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
def test_gradcheck(device: str) -> None:
    for case in (Case(4, 3, 5), Case(3, 2, 4, isotropic=True)):
        leaves = [x.requires_grad_() for x in case.posterior(torch.float64, device)]
        torch.autograd.gradcheck(lambda *x: mixture_kl_bound(*x, impl="native"), leaves)
        torch.autograd.gradcheck(torch.ops.topicforge.mixture_kl_bound, leaves)


@pytest.mark.parametrize("device", ready(NAME))
def test_opcheck(device: str) -> None:
    ops = torch.ops.topicforge
    tensors = Case(4, 3, 5).posterior(torch.float64, device)
    leaves = [x.clone().requires_grad_() for x in tensors]
    torch.library.opcheck(ops.mixture_kl_bound.default, tuple(leaves))
    bound, log_prob, gap = ops.mixture_kl_bound(*tensors)
    ones = torch.ones_like(bound)
    args = (ones, 2 * ones, 3 * ones, *tensors, log_prob, gap)
    torch.library.opcheck(ops._mixture_kl_bound_backward.default, args)


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_threads_change_no_bit(device: str) -> None:
    tensors = Case(300, 3, 37).posterior(torch.float32, device)
    assert_thread_independent(mixture_kl_bound, tensors)


@pytest.mark.parametrize("device", ready(NAME))
def test_second_derivative_is_a_clear_error(device: str) -> None:
    leaves = [x.requires_grad_() for x in Case(4, 3, 5).posterior(torch.float64, device)]
    value = mixture_kl_bound(*leaves, impl="native").sum()
    (grad,) = torch.autograd.grad(value, leaves[0], create_graph=True)
    with pytest.raises(KernelUnavailableError, match='impl="reference"'):
        grad.square().sum().backward()


@compiling
@pytest.mark.parametrize("impl", IMPLS)
def test_compile_and_export(impl: str) -> None:
    tensors = Case(9, 5, 4).posterior(torch.float64, "cpu")

    def function(*x: Tensor) -> Tensor:
        return 2.0 * mixture_kl_bound(*x, impl=impl)

    expected, grads = run(function, tensors)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    value, compiled_grads = run(compiled, tensors)
    assert torch.allclose(value, expected, rtol=1e-12)
    for came, want in zip(compiled_grads, grads, strict=True):
        assert torch.allclose(came, want, rtol=1e-10, atol=1e-12)
    assert torch.allclose(exported(function, tuple(tensors))(*tensors), expected)


@scripting
@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_script(device: str, tmp_path: object) -> None:
    def function(
        loc: Tensor,
        log_var: Tensor,
        z: Tensor,
        mix_loc: Tensor,
        mix_log_var: Tensor,
        log_weight: Tensor,
    ) -> Tensor:
        return mixture_kl_bound(loc, log_var, z, mix_loc, mix_log_var, log_weight)

    tensors = Case(9, 5, 4).posterior(torch.float32, device)
    assert torch.equal(scripted(function, tmp_path)(*tensors), mixture_kl_bound(*tensors))


@pytest.mark.parametrize("impl", IMPLS)
def test_bad_input_has_words(impl: str) -> None:
    tensors = Case(9, 5, 4).posterior(torch.float32, "cpu")
    with pytest.raises(InputError, match="must have as many rows, but loc has 8 and z 9"):
        mixture_kl_bound(tensors[0][:8], *tensors[1:], impl=impl)
    with pytest.raises(InputError, match="mix_log_var must have shape"):
        mixture_kl_bound(*tensors[:4], tensors[4][:, :2], tensors[5], impl=impl)
