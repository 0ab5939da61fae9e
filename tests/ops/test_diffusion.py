"""The diffusion kernel and the MMD with it: hand-worked, against scipy, native against reference."""

from math import acos, exp, pi, sqrt

import numpy as np
import pytest
import torch
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
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError, OptionError
from topicforge.ops import diffusion_kernel, diffusion_mmd
from topicforge.ops._diffusion import _SquaredArccos

IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready("diffusion_mmd")[:1]]]
# float32: kernel values of size 1 to 1e-6 with the inner product's rounding times the slope 2/t.
TOLERANCE = {torch.float32: 5e-6, torch.float64: 5e-13}
# One rounding of the inner product times the slope 2/t of the exponent, t >= 0.3 here.
KERNEL_TOLERANCE = {torch.float32: 3e-6, torch.float64: 5e-14}


def simplex(n: int, K: int, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(n, K, generator=generator, dtype=torch.float64)
    return torch.log_softmax(logits, -1).to(dtype).to(device)


def by_loops(log_q: np.ndarray, log_p: np.ndarray, t: float, unbiased: bool) -> float:
    """The definition, pair by pair."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return exp(-(acos(min(1.0, float(np.sqrt(np.exp(a) * np.exp(b)).sum()))) ** 2) / t)

    def within(x: np.ndarray) -> float:
        n = len(x)
        pairs = [(i, j) for i in range(n) for j in range(n) if not unbiased or i != j]
        return sum(kernel(x[i], x[j]) for i, j in pairs) / len(pairs)

    cross = np.mean([[kernel(a, b) for b in log_p] for a in log_q])
    return within(log_q) + within(log_p) - 2.0 * float(cross)


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    # Corners of a triangle's edge: √q·√p is 0 between corners and √½ from corner to middle,
    # so the angles are π/2 and π/4; the within-sample angle of p is that of (½, ½) and itself.
    log_q = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64).log()
    log_p = torch.tensor([[0.5, 0.5], [0.5, 0.5]], dtype=torch.float64).log()
    unbiased = exp(-((pi / 2) ** 2)) + 1.0 - 2.0 * exp(-((pi / 4) ** 2))
    value = diffusion_mmd(log_q, log_p, impl=impl)
    assert value.item() == pytest.approx(unbiased, abs=1e-14)
    biased = (1.0 + exp(-((pi / 2) ** 2))) / 2 + 1.0 - 2.0 * exp(-((pi / 4) ** 2))
    value = diffusion_mmd(log_q, log_p, unbiased=False, impl=impl)
    assert value.item() == pytest.approx(biased, abs=1e-14)
    # t divides inside the exponent.
    at_half = exp(-((pi / 2) ** 2) / 0.5) + 1.0 - 2.0 * exp(-((pi / 4) ** 2) / 0.5)
    value = diffusion_mmd(log_q, log_p, t=0.5, impl=impl)
    assert value.item() == pytest.approx(at_half, abs=1e-14)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("t", [0.05, 1.0, 3.0])
def test_equals_loops(impl: str, unbiased: bool, t: float) -> None:
    log_q = simplex(5, 4, torch.float64, "cpu")
    log_p = simplex(7, 4, torch.float64, "cpu", seed=1)
    expected = by_loops(log_q.numpy(), log_p.numpy(), t, unbiased)
    value = diffusion_mmd(log_q, log_p, t, unbiased, impl=impl)
    assert value.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("impl", IMPLS)
def test_a_sample_has_no_biased_distance_from_itself(impl: str) -> None:
    log_q = simplex(9, 6, torch.float64, "cpu")
    assert diffusion_mmd(log_q, log_q, unbiased=False, impl=impl).item() == pytest.approx(
        0.0, abs=1e-13
    )


@pytest.mark.parametrize("device", ready("diffusion_mmd"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("n", "m", "K"), [(2, 2, 1), (3, 2, 2), (31, 33, 13), (97, 64, 50), (130, 5, 200)]
)
@pytest.mark.parametrize(("t", "unbiased"), [(1.0, True), (0.3, False), (7.0, True)])
def test_native_equals_reference(
    device: str, dtype: torch.dtype, n: int, m: int, K: int, t: float, unbiased: bool
) -> None:
    log_q, log_p = simplex(n, K, dtype, device), simplex(m, K, dtype, device, seed=1)
    assert_same(diffusion_mmd, [log_q, log_p], TOLERANCE[dtype], 1.0, t=t, unbiased=unbiased)


@pytest.mark.parametrize("device", ready("diffusion_mmd"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hard_places(device: str, dtype: torch.dtype) -> None:
    """Equal rows in one and in both samples, one-hot rows, rows with zeros."""
    log_q, log_p = simplex(20, 6, dtype, device), simplex(40, 6, dtype, device, seed=1)
    log_q[0] = torch.tensor([0.0] + 5 * [-torch.inf], dtype=dtype)
    log_q[1] = log_q[0]
    log_q[3] = log_q[2]
    log_q[4, :3] = -torch.inf
    log_q[4] = torch.log_softmax(log_q[4], -1)
    log_p[0], log_p[1], log_p[2] = log_q[0], log_q[2], log_q[4]
    for unbiased in (True, False):
        assert_same(diffusion_mmd, [log_q, log_p], TOLERANCE[dtype], 1.0, unbiased=unbiased)


@pytest.mark.parametrize("impl", IMPLS)
def test_slope_at_equal_rows(impl: str) -> None:
    # All rows equal s: with slope 2/t of k at 1, dMMD/d√q_i = [2/(n(n-1)) (n-1) - 2/(nm) m] (2/t) s
    # = 0 unbiased; biased, with the diagonal, the same. With p one-hot elsewhere only q's own
    # term is left: d/d log q = ½ s · (2/n)(2/t) s.
    row = torch.tensor([0.5, 0.25, 0.25, 0.0], dtype=torch.float64).log()
    log_q = row.repeat(3, 1).requires_grad_()
    value = diffusion_mmd(log_q, row.repeat(4, 1), t=0.5, impl=impl)
    assert torch.allclose(torch.autograd.grad(value, log_q)[0], torch.zeros(3, 4).double())
    one_hot = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=torch.float64).log().repeat(2, 1)
    value = diffusion_mmd(log_q, one_hot, t=0.5, impl=impl)
    (grad,) = torch.autograd.grad(value, log_q)
    own = row.exp() * (2.0 / 3.0) * 2.0
    # The cross term's slope at x = 0 acts only where both rows have mass: nowhere.
    assert torch.allclose(grad, own.repeat(3, 1), atol=1e-12)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("t", [1e-2, 2e-3, 1e-3, 5e-4, 1e-4, 1e-5])
def test_short_times(impl: str, dtype: torch.dtype, t: float) -> None:
    """q = (1, 0) and p = (cos² φ, sin² φ) are the angle φ apart: k = exp(−φ²/t), in closed form.

    With x = cos φ: ∂k/∂log q_1 = ½ x dk/dx = x φ / (t sin φ) k, φ / sin φ = 1 at φ = 0.
    """
    angle = t**0.5 * torch.tensor([0.0, 0.3, 1.0, 2.0], dtype=torch.float64)
    log_p = torch.stack([angle.cos().square(), angle.sin().square()], 1).log()
    log_q = torch.tensor([[1.0, 0.0]], dtype=torch.float64).log()
    log_q, log_p = log_q.to(dtype).requires_grad_(), log_p.to(dtype)
    matrix = diffusion_kernel(log_q, log_p, t, impl=impl)
    # some roundings of x and of arccos², times the slope 2/t of the exponent; float32 at the two
    # shortest times has no digit left beside a value of 1
    tolerance = 8 * torch.finfo(dtype).eps * 2 / t
    if tolerance > 0.01:
        assert 0.0 < matrix[0, 0].item() < 1.2
        return
    expected = torch.exp(-angle.square() / t)
    torch.testing.assert_close(matrix[0].double(), expected, rtol=tolerance, atol=0.0)
    ratio = torch.where(angle == 0, 1.0, angle / angle.sin().clamp_min(1e-30))
    slope = angle.cos() * ratio / t * expected
    for j in range(4):
        (grad,) = torch.autograd.grad(matrix[0, j], log_q, retain_graph=True)
        assert grad[0, 0].item() == pytest.approx(slope[j].item(), rel=2 * tolerance)


@pytest.mark.parametrize("device", ready("diffusion_mmd"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_short_times_native_equals_reference(device: str, dtype: torch.dtype) -> None:
    t = 5e-3 if dtype == torch.float32 else 5e-5
    near = torch.randn(30, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    log_q = torch.log_softmax(t**0.5 * near[:12], -1).to(dtype).to(device)
    log_p = torch.log_softmax(t**0.5 * near[12:], -1).to(dtype).to(device)
    value = diffusion_mmd(log_q, log_p, t, impl="native").item()
    assert abs(value) > 1e-3
    expected = diffusion_mmd(log_q, log_p, t, impl="reference").item()
    assert value == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("device", ready("diffusion_mmd"))
def test_gradcheck(device: str) -> None:
    log_q = simplex(5, 4, torch.float64, device).requires_grad_()
    log_p = simplex(6, 4, torch.float64, device, seed=1).requires_grad_()
    for t, unbiased in ((1.0, True), (0.4, False)):
        torch.autograd.gradcheck(
            lambda q, p, t=t, u=unbiased: diffusion_mmd(q, p, t, u, impl="native"), (log_q, log_p)
        )
        torch.autograd.gradcheck(
            lambda q, p, t=t, u=unbiased: torch.ops.topicforge.diffusion_mmd(q, p, t, u),
            (log_q, log_p),
        )


def test_reference_gradcheck_twice() -> None:
    log_q = simplex(4, 3, torch.float64, "cpu").requires_grad_()
    log_p = simplex(3, 3, torch.float64, "cpu", seed=1).requires_grad_()
    function = lambda q, p: diffusion_mmd(q, p, impl="reference")  # noqa: E731
    assert torch.autograd.gradcheck(function, (log_q, log_p))
    assert torch.autograd.gradgradcheck(function, (log_q, log_p))


@pytest.mark.parametrize("device", ready("diffusion_mmd"))
def test_opcheck(device: str) -> None:
    for dtype in (torch.float32, torch.float64):
        log_q = simplex(5, 3, dtype, device).requires_grad_()
        log_p = simplex(4, 3, dtype, device, seed=1).requires_grad_()
        ops = torch.ops.topicforge
        torch.library.opcheck(ops.diffusion_mmd.default, (log_q, log_p, 1.0, True))
        torch.library.opcheck(
            ops.diffusion_mmd.default, (log_q.detach(), log_p.detach(), 1.0, False)
        )
        # Tracing differentiates every output, and a gradient's own gradient is refused.
        utilities = ("test_schema", "test_autograd_registration", "test_faketensor")
        for want in ((True, True), (True, False)):
            args = (log_q, log_p if want[1] else log_p.detach(), 0.7, True, *want)
            torch.library.opcheck(ops._diffusion_mmd_grad.default, args, test_utils=utilities)


@pytest.mark.parametrize("device", ready("diffusion_mmd"))
def test_strided_input(device: str) -> None:
    log_q, log_p = simplex(9, 5, torch.float64, device), simplex(8, 5, torch.float64, device, 1)
    expected, grads = run(diffusion_mmd, [log_q, log_p], impl="native")
    leaf = strided(log_q).requires_grad_()
    value = diffusion_mmd(leaf, log_p.T.contiguous().T, impl="native")
    assert torch.equal(value, expected)
    assert torch.equal(torch.autograd.grad(value, leaf)[0], grads[0])


@pytest.mark.parametrize("device", ready("diffusion_mmd")[:1])
def test_threads_change_no_bit(device: str) -> None:
    tensors = [simplex(211, 50, torch.float32, device), simplex(190, 50, torch.float32, device, 1)]
    assert_thread_independent(diffusion_mmd, tensors)


@pytest.mark.parametrize("device", ready("diffusion_mmd")[:1])
def test_no_matrix_in_memory(device: str) -> None:
    log_q = simplex(6000, 8, torch.float32, device).requires_grad_()
    log_p = simplex(6000, 8, torch.float32, device, seed=1)
    matrix = 4 * 6000 * 6000
    with threads(1):
        diffusion_mmd(log_q[:64], log_p[:64], impl="native").backward()
        growth = peak_growth(lambda: diffusion_mmd(log_q, log_p, impl="native").backward())
    assert growth < matrix / 10


@pytest.mark.parametrize("device", ready("diffusion_mmd"))
def test_gradient_only_where_asked(device: str) -> None:
    log_q, log_p = simplex(9, 5, torch.float64, device), simplex(8, 5, torch.float64, device, 1)
    _, (grad_q, grad_p) = run(diffusion_mmd, [log_q, log_p], impl="native")
    for leaf, other, grad, swap in ((log_q, log_p, grad_q, False), (log_p, log_q, grad_p, True)):
        x = leaf.clone().requires_grad_()
        value = diffusion_mmd(*((other, x) if swap else (x, other)), impl="native")
        assert torch.allclose(torch.autograd.grad(value, x)[0], grad, atol=1e-15)


@pytest.mark.parametrize("device", ready("diffusion_mmd"))
def test_second_derivative_is_a_clear_error(device: str) -> None:
    log_q, log_p = simplex(5, 4, torch.float64, device), simplex(6, 4, torch.float64, device, 1)
    log_q.requires_grad_()
    value = diffusion_mmd(log_q, log_p, impl="native")
    (grad,) = torch.autograd.grad(value, log_q, create_graph=True)
    with pytest.raises(KernelUnavailableError, match='impl="reference"'):
        grad.square().sum().backward()
    value = torch.ops.topicforge.diffusion_mmd(log_q, log_p)
    (grad,) = torch.autograd.grad(value, log_q, create_graph=True)
    with pytest.raises(KernelUnavailableError, match='impl="reference"'):
        grad.square().sum().backward()


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_types_are_computed_in_float32(impl: str, half: torch.dtype) -> None:
    log_q, log_p = simplex(9, 5, half, "cpu"), simplex(8, 5, half, "cpu", seed=1)
    log_q.requires_grad_()
    value = diffusion_mmd(log_q, log_p, impl=impl)
    assert value.dtype == torch.float32
    value.backward()
    assert log_q.grad is not None
    assert log_q.grad.dtype == half
    expected = diffusion_mmd(log_q.detach().double(), log_p.double(), impl="reference")
    assert value.item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("impl", IMPLS)
def test_autocast_does_not_lower_precision(impl: str) -> None:
    log_q, log_p = simplex(9, 5, torch.float32, "cpu"), simplex(8, 5, torch.float32, "cpu", 1)
    plain = diffusion_mmd(log_q, log_p, impl=impl)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = diffusion_mmd(log_q, log_p, impl=impl)
    assert torch.equal(plain, inside)


@compiling
@pytest.mark.parametrize("impl", IMPLS)
def test_compile_without_graph_break(impl: str) -> None:
    log_q, log_p = simplex(9, 5, torch.float64, "cpu"), simplex(8, 5, torch.float64, "cpu", 1)

    def function(q: Tensor, p: Tensor) -> Tensor:
        return 2.0 * diffusion_mmd(torch.log_softmax(q, -1), p, impl=impl)

    expected, grads = run(function, [log_q, log_p])
    value, compiled_grads = run(
        torch.compile(function, fullgraph=True, backend="aot_eager"), [log_q, log_p]
    )
    assert torch.allclose(value, expected, atol=1e-14)
    assert torch.allclose(compiled_grads[0], grads[0], atol=1e-14)


@pytest.mark.parametrize("impl", IMPLS)
def test_export(impl: str) -> None:
    log_q, log_p = simplex(9, 5, torch.float64, "cpu"), simplex(8, 5, torch.float64, "cpu", 1)
    module = exported(lambda q, p: diffusion_mmd(q, p, impl=impl), (log_q, log_p))
    assert torch.allclose(module(log_q, log_p), diffusion_mmd(log_q, log_p, impl=impl))


@scripting
@pytest.mark.parametrize("device", ready("diffusion_mmd")[:1])
def test_script(device: str, tmp_path: object) -> None:
    def function(q: Tensor, p: Tensor) -> Tensor:
        return diffusion_mmd(q, p, 0.5, False)

    log_q, log_p = simplex(9, 5, torch.float32, device), simplex(8, 5, torch.float32, device, 1)
    module = scripted(function, tmp_path)
    assert torch.equal(module(log_q, log_p), diffusion_mmd(log_q, log_p, 0.5, False))
    assert module(log_q.half(), log_p).dtype == torch.float32
    leaf = log_q.clone().requires_grad_()
    (grad,) = torch.autograd.grad(module(leaf, log_p), leaf)
    assert torch.isfinite(grad).all()


@pytest.mark.parametrize("impl", IMPLS)
def test_bad_input_has_words(impl: str) -> None:
    log_q = simplex(4, 3, torch.float32, "cpu")
    with pytest.raises(InputError, match=r"log_q must have shape \(n, K\)"):
        diffusion_mmd(log_q[0], log_q, impl=impl)
    with pytest.raises(
        InputError, match=r"log_p must have shape \(m, K\) with K = 3, but has \(4, 2\)"
    ):
        diffusion_mmd(log_q, log_q[:, :2], impl=impl)
    with pytest.raises(InputError, match="at least 2 rows, but log_p has 1"):
        diffusion_mmd(log_q, log_q[:1], impl=impl)
    with pytest.raises(InputError, match="at least 1 rows, but log_q has 0"):
        diffusion_mmd(log_q[:0], log_q, unbiased=False, impl=impl)
    with pytest.raises(InputError, match="floating-point"):
        diffusion_mmd(log_q.long(), log_q, impl=impl)
    with pytest.raises(InputError, match="K >= 1"):
        diffusion_mmd(log_q[:, :0], log_q[:, :0], impl=impl)
    for t in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(OptionError, match="t must be positive"):
            diffusion_mmd(log_q, log_q, t=t, impl=impl)


def test_unknown_impl() -> None:
    log_q = simplex(4, 3, torch.float32, "cpu")
    with pytest.raises(OptionError, match="impl must be one of auto, native, reference"):
        diffusion_mmd(log_q, log_q, impl="cuda")


def test_value_against_the_angle_of_scipy() -> None:
    # arccos(√q·√p) is the angle between two unit vectors, which scipy has as a cosine distance.
    from scipy.spatial.distance import cdist

    log_q, log_p = simplex(6, 5, torch.float64, "cpu"), simplex(7, 5, torch.float64, "cpu", 1)
    roots_q, roots_p = (0.5 * log_q).exp().numpy(), (0.5 * log_p).exp().numpy()

    def mean(a: np.ndarray, b: np.ndarray, same: bool) -> float:
        k = np.exp(-(np.arccos(np.clip(1.0 - cdist(a, b, "cosine"), -1, 1)) ** 2))
        n = len(a)
        return float((k.sum() - np.trace(k)) / (n * (n - 1)) if same else k.mean())

    expected = mean(roots_q, roots_q, True) + mean(roots_p, roots_p, True)
    expected -= 2 * mean(roots_q, roots_p, False)
    assert diffusion_mmd(log_q, log_p).item() == pytest.approx(expected, abs=1e-8)
    assert sqrt(expected**2) > 1e-3  # the samples differ, so that equality says something


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("t", [0.01, 0.2, 1.0, 4.0, 1e3])
def test_kernel_hand_worked(impl: str, t: float) -> None:
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
    value = _SquaredArccos.apply(x)
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
def test_kernel_native_equals_reference(
    device: str, dtype: torch.dtype, n: int, m: int, K: int, t: float
) -> None:
    tensors = [simplex(n, K, dtype, device), simplex(m, K, dtype, device, seed=1)]
    assert_same(diffusion_kernel, tensors, KERNEL_TOLERANCE[dtype], t=t)


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kernel_hard_places(device: str, dtype: torch.dtype) -> None:
    log_q = simplex(5, 4, dtype, device)
    log_q[0] = torch.tensor([0.0] + 3 * [-torch.inf], dtype=dtype)
    log_q[1, :2] = -torch.inf
    log_q[1] = torch.log_softmax(log_q[1], -1)
    assert_same(diffusion_kernel, [log_q, log_q.clone()], KERNEL_TOLERANCE[dtype])


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
def test_kernel_gradcheck(device: str) -> None:
    log_q = simplex(4, 3, torch.float64, device).requires_grad_()
    log_p = simplex(5, 3, torch.float64, device, seed=1).requires_grad_()
    for t in (1.0, 0.1):
        torch.autograd.gradcheck(
            lambda q, p, t=t: diffusion_kernel(q, p, t, impl="native"), (log_q, log_p)
        )
    # A sample with itself: every diagonal entry sits at x = 1.
    torch.autograd.gradcheck(lambda q: diffusion_kernel(q, q, impl="native"), (log_q,))


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
def test_kernel_opcheck(device: str) -> None:
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
def test_kernel_threads_change_no_bit(device: str) -> None:
    tensors = [simplex(211, 20, torch.float32, device), simplex(190, 20, torch.float32, device, 1)]
    assert_thread_independent(diffusion_kernel, tensors)


@pytest.mark.parametrize("device", ready("diffusion_kernel"))
def test_kernel_second_derivative_is_a_clear_error(device: str) -> None:
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
def test_kernel_script(device: str, tmp_path: object) -> None:
    def function(q: Tensor, p: Tensor) -> Tensor:
        return diffusion_kernel(q, p, 2.0)

    log_q, log_p = simplex(9, 5, torch.float32, device), simplex(8, 5, torch.float32, device, 1)
    module = scripted(function, tmp_path)
    assert torch.equal(module(log_q, log_p), diffusion_kernel(log_q, log_p, 2.0))


@pytest.mark.parametrize("impl", IMPLS)
def test_kernel_bad_input_has_words(impl: str) -> None:
    log_q = simplex(4, 3, torch.float32)
    with pytest.raises(
        InputError, match=r"log_p must have shape \(m, K\) with K = 3, but has \(4, 2\)"
    ):
        diffusion_kernel(log_q, log_q[:, :2], impl=impl)
    with pytest.raises(OptionError, match="t must be positive"):
        diffusion_kernel(log_q, log_q, t=0.0, impl=impl)
