"""The diffusion kernel matrix: hand-worked, against loops, native against reference."""

from math import exp, pi

import pytest
import torch
from op_checks import (
    assert_same,
    assert_thread_independent,
    compiling,
    exported,
    ready,
    run,
    scripted,
    scripting,
    strided,
)
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError, OptionError
from topicforge.ops import diffusion_kernel, reference

IMPLS = [
    "reference",
    *[pytest.param("native", marks=p.marks) for p in ready("diffusion_kernel")[:1]],
]
# One rounding of the inner product times the slope 2/t of the exponent, t >= 0.3 here.
TOLERANCE = {torch.float32: 3e-6, torch.float64: 5e-14}


def simplex(n: int, K: int, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(n, K, generator=generator, dtype=torch.float64)
    return torch.log_softmax(logits, -1).to(dtype).to(device)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("t", [0.01, 0.2, 1.0, 4.0, 1e3])
def test_hand_worked(impl: str, t: float) -> None:
    # √q·√p = cos of the angle: 0 to π/2 from a corner to (cos², sin²) of the angle.
    angles = torch.tensor([0.0, pi / 6, pi / 4, pi / 3, pi / 2], dtype=torch.float64)
    log_p = torch.stack([angles.cos().square(), angles.sin().square()], 1).log()
    log_p[0, 1] = log_p[4, 0] = -torch.inf
    log_q = torch.tensor([[0.0, -torch.inf]], dtype=torch.float64)
    expected = [exp(-(a**2) / t) for a in angles.tolist()]
    came = diffusion_kernel(log_q, log_p, t, impl=impl)
    assert came[0].tolist() == pytest.approx(expected, rel=1e-13 / min(t, 1.0), abs=1e-300)


def test_slope_of_the_squared_angle() -> None:
    # d arccos²/dx: -2 at 1, -π at 0; and on both sides of where the series takes over.
    x = torch.tensor([1.0, 0.0, 0.9899999, 0.9900001, 0.5], dtype=torch.float64)
    x.requires_grad_()
    value = reference.diffusion.squared_arccos(x)
    (slope,) = torch.autograd.grad(value.sum(), x)
    sine = (1.0 - x[2:] ** 2).sqrt()
    expected = torch.cat(
        [torch.tensor([-2.0, -pi], dtype=torch.float64), -2.0 * torch.acos(x[2:]) / sine]
    )
    # The naive slope loses digits near 1 (1 - x² of two close numbers): 1e-13 there.
    assert torch.allclose(slope, expected, rtol=1e-13)


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("n", "m", "K"), [(1, 1, 1), (0, 4, 3), (4, 0, 3), (1, 37, 2), (31, 65, 13), (100, 50, 50)]
)
@pytest.mark.parametrize("t", [0.3, 1.0])
def test_native_equals_reference(
    device: str, dtype: torch.dtype, n: int, m: int, K: int, t: float
) -> None:
    tensors = [simplex(n, K, dtype, device), simplex(m, K, dtype, device, seed=1)]
    assert_same(diffusion_kernel, tensors, TOLERANCE[dtype], t=t)


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hard_places(device: str, dtype: torch.dtype) -> None:
    log_q = simplex(5, 4, dtype, device)
    log_q[0] = torch.tensor([0.0] + 3 * [-torch.inf], dtype=dtype)
    log_q[1, :2] = -torch.inf
    log_q[1] = torch.log_softmax(log_q[1], -1)
    assert_same(diffusion_kernel, [log_q, log_q.clone()], TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
def test_gradcheck(device: str) -> None:
    log_q = simplex(4, 3, torch.float64, device).requires_grad_()
    log_p = simplex(5, 3, torch.float64, device, seed=1).requires_grad_()
    for t in (1.0, 0.1):
        torch.autograd.gradcheck(
            lambda q, p, t=t: diffusion_kernel(q, p, t, impl="native"), (log_q, log_p)
        )
    # A sample with itself: every diagonal entry sits at x = 1.
    torch.autograd.gradcheck(lambda q: diffusion_kernel(q, q, impl="native"), (log_q,))


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
def test_opcheck(device: str) -> None:
    ops = torch.ops.topicforge
    for dtype in (torch.float32, torch.float64):
        log_q, log_p = simplex(5, 3, dtype, device), simplex(4, 3, dtype, device, seed=1)
        args = (log_q.clone().requires_grad_(), log_p.clone().requires_grad_(), 0.5)
        torch.library.opcheck(ops.diffusion_kernel.default, args)
        grad = torch.ones(5, 4, dtype=dtype, device=device)
        for want in ((True, False), (False, True)):
            torch.library.opcheck(
                ops._diffusion_kernel_backward.default, (grad, log_q, log_p, 0.5, *want)
            )


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
def test_strided_input_and_gradient(device: str) -> None:
    log_q, log_p = simplex(9, 5, torch.float64, device), simplex(8, 5, torch.float64, device, 1)
    expected, grads = run(diffusion_kernel, [log_q, log_p], impl="native")
    leaf = strided(log_q).requires_grad_()
    value = diffusion_kernel(leaf, log_p.T.contiguous().T, impl="native")
    assert torch.equal(value, expected)
    weights = torch.cos(torch.arange(72, dtype=torch.float64, device=device)).view(9, 8)
    (grad,) = torch.autograd.grad(value, leaf, strided(weights))
    assert torch.equal(grad, grads[0])


@pytest.mark.parametrize("device", ready("diffusion_kernel")[:1])
def test_threads_change_no_bit(device: str) -> None:
    tensors = [simplex(211, 20, torch.float32, device), simplex(190, 20, torch.float32, device, 1)]
    assert_thread_independent(diffusion_kernel, tensors)


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
def test_second_derivative_is_a_clear_error(device: str) -> None:
    log_q = simplex(5, 4, torch.float64, device).requires_grad_()
    value = diffusion_kernel(log_q, log_q.detach(), impl="native")
    (grad,) = torch.autograd.grad(value.sum(), log_q, create_graph=True)
    with pytest.raises(KernelUnavailableError, match='impl="reference"'):
        grad.square().sum().backward()


@pytest.mark.parametrize("impl", IMPLS)
def test_half_and_autocast_are_computed_in_float32(impl: str) -> None:
    log_q, log_p = simplex(9, 5, torch.float32), simplex(8, 5, torch.float32, seed=1)
    plain = diffusion_kernel(log_q, log_p, impl=impl)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(plain, diffusion_kernel(log_q, log_p, impl=impl))
    half = diffusion_kernel(log_q.bfloat16(), log_p, impl=impl)
    assert torch.equal(half, diffusion_kernel(log_q.bfloat16().float(), log_p, impl=impl))


@compiling
@pytest.mark.parametrize("impl", IMPLS)
def test_compile_and_export(impl: str) -> None:
    log_q, log_p = simplex(9, 5, torch.float64), simplex(8, 5, torch.float64, seed=1)

    def function(q: Tensor, p: Tensor) -> Tensor:
        return 2.0 * diffusion_kernel(q, p, 0.5, impl=impl)

    expected, grads = run(function, [log_q, log_p])
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    value, compiled_grads = run(compiled, [log_q, log_p])
    assert torch.allclose(value, expected, atol=1e-14)
    assert torch.allclose(compiled_grads[1], grads[1], atol=1e-14)
    assert torch.allclose(exported(function, (log_q, log_p))(log_q, log_p), expected)


@scripting
@pytest.mark.parametrize("device", ready("diffusion_kernel")[:1])
def test_script(device: str, tmp_path: object) -> None:
    def function(q: Tensor, p: Tensor) -> Tensor:
        return diffusion_kernel(q, p, 2.0)

    log_q, log_p = simplex(9, 5, torch.float32, device), simplex(8, 5, torch.float32, device, 1)
    module = scripted(function, tmp_path)
    assert torch.equal(module(log_q, log_p), diffusion_kernel(log_q, log_p, 2.0))


@pytest.mark.parametrize("impl", IMPLS)
def test_bad_input_has_words(impl: str) -> None:
    log_q = simplex(4, 3, torch.float32)
    with pytest.raises(InputError, match="same number K of columns"):
        diffusion_kernel(log_q, log_q[:, :2], impl=impl)
    with pytest.raises(OptionError, match="t must be positive"):
        diffusion_kernel(log_q, log_q, t=0.0, impl=impl)
