"""The normaliser of a softmax over words: hand-worked, torch's log-sum-exp, native against reference."""

import math

import pytest
import torch
from op_checks import ready, threads
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError, OptionError
from topicforge.ops import log_partition

NAME = "log_partition"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
# Sums of E products of numbers of size 1, and their exponentials.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 2e-14}


def arguments(V: int, K: int, E: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    source = torch.Generator().manual_seed(V + K + E)
    weight = torch.randn(V, E, generator=source, dtype=dtype)
    return [weight, torch.randn(K, E, generator=source, dtype=dtype) * E**-0.5]


def run(weight: Tensor, topic: Tensor, impl: str) -> tuple[Tensor, Tensor]:
    """Value, and gradient of its sum with irregular weights."""
    leaf = topic.detach().clone().requires_grad_()
    value = log_partition(weight, leaf, impl=impl)
    probe = torch.cos(torch.arange(len(value), dtype=value.dtype, device=value.device))
    (grad,) = torch.autograd.grad((value * probe).sum(), leaf)
    return value.detach(), grad


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    weight = torch.tensor([[0.0], [math.log(2)], [math.log(4)]], dtype=torch.float64)
    topic = torch.tensor([[1.0], [0.0], [-1.0]], dtype=torch.float64).requires_grad_()
    value = log_partition(weight, topic, impl=impl)
    expected = torch.tensor([7.0, 3.0, 1.75], dtype=torch.float64).log()
    torch.testing.assert_close(value, expected, rtol=1e-15, atol=1e-15)
    value.sum().backward()
    # the mean word under weights 1 : 2 : 4, under 1 : 1 : 1, under 4 : 2 : 1
    mean = torch.tensor([[10 / 7], [1.0], [4 / 7]], dtype=torch.float64) * math.log(2)
    assert topic.grad is not None
    torch.testing.assert_close(topic.grad, mean, rtol=1e-14, atol=0)


@pytest.mark.parametrize("impl", IMPLS)
def test_is_torchs_log_sum_exp_with_its_gradient(impl: str) -> None:
    weight, topic = arguments(700, 9, 5)
    leaf = topic.clone().requires_grad_()
    expected = torch.logsumexp(weight @ leaf.T, 0)
    probe = torch.cos(torch.arange(9.0, dtype=torch.float64))
    (grad,) = torch.autograd.grad((expected * probe).sum(), leaf)
    value, came = run(weight, topic, impl)
    torch.testing.assert_close(value, expected.detach(), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(came, grad, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("impl", IMPLS)
def test_gradient(impl: str) -> None:
    weight, topic = arguments(30, 3, 4)
    leaf = topic.requires_grad_()
    assert torch.autograd.gradcheck(lambda t: log_partition(weight, t, impl=impl), (leaf,))


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("V", [1, 47, 48, 3001])
@pytest.mark.parametrize(("K", "E"), [(1, 1), (3, 17), (50, 200), (33, 5), (130, 48)])
def test_native_is_the_reference(device: str, dtype: torch.dtype, V: int, K: int, E: int) -> None:
    weight, topic = (x.to(device) for x in arguments(V, K, E, dtype))
    came = run(weight, topic, "native")
    wide = run(weight.double(), topic.double(), "reference")
    for ours, expected in zip(came, wide, strict=True):
        scale = max(1.0, float(expected.abs().max()))
        assert float((ours.double() - expected).abs().max()) <= TOLERANCE[dtype] * scale


@pytest.mark.parametrize("impl", IMPLS)
def test_large_logits_neither_overflow_nor_vanish(impl: str) -> None:
    # the largest comes last, so that every sum before it is scaled down to nothing
    weight = torch.linspace(-4000, 4000, 300)[:, None]
    value, grad = run(weight, torch.tensor([[1.0], [-1.0]]), impl)
    assert value.tolist() == [4000.0, 4000.0]
    torch.testing.assert_close(grad[:, 0], torch.tensor([4000.0, -4000.0 * math.cos(1)]))


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_the_number_of_threads_changes_nothing(device: str) -> None:
    weight, topic = (x.to(device) for x in arguments(3000, 50, 20, torch.float32))
    results = []
    for count in (1, 2, 3, 5):
        with threads(count):
            results.append(run(weight, topic, "native"))
    for value, grad in results[1:]:
        assert torch.equal(value, results[0][0])
        assert torch.equal(grad, results[0][1])


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_strides_and_half_types(device: str) -> None:
    weight, topic = (x.to(device) for x in arguments(60, 4, 6, torch.float32))
    turned = weight.T.contiguous().T
    assert torch.equal(log_partition(turned, topic), log_partition(weight, topic))
    half = log_partition(weight.bfloat16(), topic, impl="native")
    assert half.dtype == torch.float32
    assert torch.equal(half, log_partition(weight.bfloat16().float(), topic))


@pytest.mark.parametrize("impl", IMPLS)
def test_what_does_not_fit_is_refused(impl: str) -> None:
    weight, topic = arguments(5, 3, 4, torch.float32)
    for wrong, words in (
        ((weight[0], topic), r"weight must have shape \(V, E\)"),
        ((weight, topic[:, :2]), "same number E of columns"),
        ((weight[:0], topic), "the vocabulary is empty"),
        ((weight.long(), topic), "floating-point"),
        ((weight.requires_grad_(), topic), "weight gets no gradient here"),
    ):
        with pytest.raises(InputError, match=words):
            log_partition(*wrong, impl=impl)
    with torch.no_grad():
        assert log_partition(weight, topic, impl=impl).shape == (3,)


def test_implementations_by_name() -> None:
    weight, topic = arguments(5, 3, 4)
    with pytest.raises(OptionError, match="impl"):
        log_partition(weight, topic, impl="fast")
    with pytest.raises(KernelUnavailableError):
        log_partition(weight.to("meta"), topic.to("meta"), impl="native")
