"""Responsibilities of a Gaussian mixture, survey eq. 18."""

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
from sklearn.mixture import GaussianMixture
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError
from topicforge.ops import mixture_responsibilities

NAME = "mixture_responsibilities"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
DTYPES = [torch.float32, torch.float64]


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
def test_native_equals_reference(device: str, dtype: torch.dtype, case: Case) -> None:
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
def test_native_gradients_equal_reference(device: str, dtype: torch.dtype, case: Case) -> None:
    # Few dimensions, so that components overlap and the gradients are far from rounding.
    assert_same(mixture_responsibilities, case.mixture(dtype, device), TOLERANCE[dtype])


@pytest.mark.parametrize("impl", IMPLS)
def test_component_of_weight_zero(impl: str) -> None:
    z, loc, log_var, _ = Case(9, 3, 3).mixture(torch.float64, "cpu")
    log_weight = torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64).log()
    value, grads = run(mixture_responsibilities, [z, loc, log_var, log_weight], impl=impl)
    assert torch.equal(value[:, 1], torch.zeros(9, dtype=torch.float64))
    assert all(torch.isfinite(g).all() for g in grads)


@pytest.mark.parametrize("device", ready(NAME))
def test_gradcheck(device: str) -> None:
    for case in (Case(4, 3, 5), Case(3, 2, 4, isotropic=True)):
        leaves = [x.requires_grad_() for x in case.mixture(torch.float64, device)]
        torch.autograd.gradcheck(lambda *x: mixture_responsibilities(*x, impl="native"), leaves)


@pytest.mark.parametrize("device", ready(NAME))
def test_opcheck(device: str) -> None:
    ops = torch.ops.topicforge
    tensors = Case(4, 3, 5).mixture(torch.float64, device)
    leaves = [x.clone().requires_grad_() for x in tensors]
    torch.library.opcheck(ops.mixture_responsibilities.default, tuple(leaves))
    shares = ops.mixture_responsibilities(*tensors)
    args = (torch.ones_like(shares), *tensors[:3], shares)
    torch.library.opcheck(ops._mixture_responsibilities_backward.default, args)


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_threads_change_no_bit(device: str) -> None:
    tensors = Case(300, 3, 37).mixture(torch.float32, device)
    assert_thread_independent(mixture_responsibilities, tensors)


@pytest.mark.parametrize("device", ready(NAME))
def test_second_derivative_is_a_clear_error(device: str) -> None:
    leaves = [x.requires_grad_() for x in Case(4, 3, 5).mixture(torch.float64, device)]
    value = mixture_responsibilities(*leaves, impl="native").square().sum()
    (grad,) = torch.autograd.grad(value, leaves[0], create_graph=True)
    with pytest.raises(KernelUnavailableError, match='impl="reference"'):
        grad.square().sum().backward()


@compiling
@pytest.mark.parametrize("impl", IMPLS)
def test_compile_and_export(impl: str) -> None:
    tensors = Case(9, 5, 4).mixture(torch.float64, "cpu")

    def function(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
        return mixture_responsibilities(z, loc, log_var, log_weight, impl=impl).square()

    expected, grads = run(function, tensors)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    value, compiled_grads = run(compiled, tensors)
    assert torch.allclose(value, expected, atol=1e-14)
    assert torch.allclose(compiled_grads[0], grads[0], atol=1e-13)
    assert torch.allclose(exported(function, tuple(tensors))(*tensors), expected)


@scripting
@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_script(device: str, tmp_path: object) -> None:
    def function(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
        return mixture_responsibilities(z, loc, log_var, log_weight)

    tensors = Case(9, 5, 4).mixture(torch.float32, device)
    assert torch.equal(scripted(function, tmp_path)(*tensors), mixture_responsibilities(*tensors))


@pytest.mark.parametrize("impl", IMPLS)
def test_bad_input_has_words(impl: str) -> None:
    z, loc, log_var, log_weight = Case(9, 5, 4).mixture(torch.float32, "cpu")
    with pytest.raises(InputError, match="mixture_responsibilities: log_var must have shape"):
        mixture_responsibilities(z, loc, log_var.T, log_weight, impl=impl)
