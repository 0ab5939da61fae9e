"""Batch norm folded into a weight: hand-worked, torch's batch norm, native against reference."""

import pytest
import torch
from op_checks import assert_same, assert_thread_independent, ready
from torch import Tensor
from torch.nn import functional as F

from topicforge.errors import InputError, KernelUnavailableError, OptionError
from topicforge.ops import batch_norm_fold

NAME = "batch_norm_fold"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
EPS = 1e-3
# The largest of V K numbers, each a sum of K or V products of numbers of size 1.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 4e-14}


def arguments(V: int, K: int, dtype: torch.dtype = torch.float64, B: int = 40) -> list[Tensor]:
    source = torch.Generator().manual_seed(V + K)
    weight = torch.randn(V, K, generator=source, dtype=dtype)
    x = torch.randn(B, K, generator=source, dtype=dtype)
    mean = x.mean(0)
    covariance = (x - mean).T @ (x - mean) / B
    return [weight, mean, covariance, 1 + torch.rand(V, generator=source, dtype=dtype)]


def both(weight: Tensor, mean: Tensor, covariance: Tensor, gain: Tensor, **options: str) -> Tensor:
    """What has gradients, in one tensor, (V, K + 1)."""
    folded, shift, _, _ = batch_norm_fold(weight, mean, covariance, gain, EPS, **options)
    return torch.cat([folded, shift[:, None]], 1)


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    weight = torch.tensor([[1.0, 2.0], [0.0, 3.0]], dtype=torch.float64)
    mean = torch.tensor([1.0, -1.0], dtype=torch.float64)
    covariance = torch.tensor([[2.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    gain = torch.tensor([1.0, 4.0], dtype=torch.float64)
    folded, shift, y, var = batch_norm_fold(weight, mean, covariance, gain, 6.0, impl=impl)
    # w C w: (1, 2): 2 + 2 (2) + 4 = 10, and with 6 a root of 4; (0, 3): 9, and a root of sqrt(15)
    assert y.tolist() == [-1.0, -3.0]
    assert var.tolist() == [10.0, 9.0]
    s = 4 / 15**0.5
    expected = torch.tensor([[0.25, 0.5], [0.0, 3 * s]], dtype=torch.float64)
    torch.testing.assert_close(folded, expected, rtol=1e-15, atol=0)
    torch.testing.assert_close(shift.tolist(), [0.25, 3 * s], rtol=1e-15, atol=0)


@pytest.mark.parametrize("impl", IMPLS)
def test_is_torchs_batch_norm_of_the_product_with_its_gradients(impl: str) -> None:
    source = torch.Generator().manual_seed(1)
    x = torch.randn(30, 5, generator=source, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(70, 5, generator=source, dtype=torch.float64, requires_grad=True)
    gain = torch.rand(70, generator=source, dtype=torch.float64).requires_grad_()
    expected = F.batch_norm(x @ weight.T, None, None, gain, None, training=True, eps=EPS)
    mean = x.mean(0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    folded, shift, y, var = batch_norm_fold(weight, mean, covariance, gain, EPS, impl=impl)
    came = x @ folded.T + shift
    torch.testing.assert_close(came, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(y, (x @ weight.T).mean(0), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(var, (x @ weight.T).var(0, correction=0), rtol=1e-12, atol=1e-12)
    probe = torch.randn(expected.shape, generator=source, dtype=torch.float64)
    leaves = (x, weight, gain)
    for ours, theirs in zip(
        torch.autograd.grad((came * probe).sum(), leaves),
        torch.autograd.grad((expected * probe).sum(), leaves),
        strict=True,
    ):
        # batch norm's gradients cancel: two orders of magnitude above a rounding of the terms
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("impl", IMPLS)
def test_gradients(impl: str) -> None:
    weight, mean, covariance, gain = (x.requires_grad_() for x in arguments(4, 3))

    def symmetric(weight: Tensor, mean: Tensor, c: Tensor, gain: Tensor) -> Tensor:
        return both(weight, mean, (c + c.T) / 2, gain, impl=impl)

    assert torch.autograd.gradcheck(symmetric, (weight, mean, covariance, gain))


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("V", [1, 9, 48, 1700])
@pytest.mark.parametrize("K", [1, 3, 16, 50, 129])
def test_native_is_the_reference(device: str, dtype: torch.dtype, V: int, K: int) -> None:
    tensors = [x.to(device) for x in arguments(V, K, dtype)]
    assert_same(both, tensors, TOLERANCE[dtype] * K**0.5)
    came = batch_norm_fold(*tensors, EPS, impl="native")
    wide = batch_norm_fold(*(x.double() for x in tensors), EPS, impl="reference")
    for ours, expected in zip(came[2:], wide[2:], strict=True):
        assert not ours.requires_grad
        scale = float(expected.abs().max())
        assert float((ours.double() - expected).abs().max()) <= TOLERANCE[dtype] * scale


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_the_number_of_threads_changes_nothing(device: str) -> None:
    assert_thread_independent(both, [x.to(device) for x in arguments(1500, 50, torch.float32)])


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_strides_and_half_types(device: str) -> None:
    weight, mean, covariance, gain = (x.to(device) for x in arguments(20, 6, torch.float32))
    turned = weight.T.contiguous().T
    assert torch.equal(
        both(turned, mean, covariance, gain, impl="native"),
        both(weight, mean, covariance, gain, impl="native"),
    )
    half = both(weight.bfloat16(), mean, covariance, gain, impl="native")
    assert half.dtype == torch.float32
    expected = both(weight.bfloat16().float(), mean, covariance, gain, impl="native")
    assert torch.equal(half, expected)


def test_no_words() -> None:
    _, mean, covariance, _ = arguments(1, 3)
    leaves = [torch.zeros(0, 3, dtype=torch.float64), mean, covariance, mean.new_zeros(0)]
    leaves = [x.requires_grad_() for x in leaves]
    result = both(*leaves)
    assert result.shape == (0, 4)
    grads = torch.autograd.grad(result.sum(), leaves)
    assert all(float(g.abs().sum()) == 0 for g in grads)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize(
    ("place", "wrong", "words"),
    [
        (0, torch.zeros(4), r"weight must have shape \(V, K\)"),
        (1, torch.zeros(4), r"mean must have shape \(K,\) = \(3,\), but has \(4,\)"),
        (2, torch.zeros(3, 2), r"covariance must have shape \(K, K\)"),
        (3, torch.zeros(3), r"gain must have shape \(V,\) = \(4,\)"),
        (3, torch.zeros(4, dtype=torch.int64), "gain must be a floating-point tensor"),
    ],
)
def test_what_does_not_fit_is_refused(impl: str, place: int, wrong: Tensor, words: str) -> None:
    tensors: list[Tensor] = arguments(4, 3, torch.float32)
    tensors[place] = wrong
    with pytest.raises(InputError, match=words):
        batch_norm_fold(*tensors, EPS, impl=impl)


def test_implementations_by_name() -> None:
    with pytest.raises(OptionError, match="impl"):
        batch_norm_fold(*arguments(4, 3), EPS, impl="fast")
    meta = [x.to("meta") for x in arguments(4, 3)]
    with pytest.raises(KernelUnavailableError):
        batch_norm_fold(*meta, EPS, impl="native")
