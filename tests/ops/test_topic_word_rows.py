"""Topics at the words of a batch: hand-worked, torch's softmax, native against reference."""

import math

import pytest
import torch
from op_checks import ready, threads
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError, OptionError
from topicforge.ops import topic_word_rows

NAME = "topic_word_rows"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]
# Sums of E products of numbers of size 1, and their exponentials.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 2e-14}


def arguments(
    V: int, K: int, E: int, dtype: torch.dtype = torch.float64, step: int = 3
) -> list[Tensor]:
    """Weight, topics, and every ``step``-th word with the last."""
    source = torch.Generator().manual_seed(V + K + E)
    weight = torch.randn(V, E, generator=source, dtype=dtype)
    topic = torch.randn(K, E, generator=source, dtype=dtype) * E**-0.5
    return [weight, topic, torch.arange((V - 1) % step, V, step)]


def run(weight: Tensor, topic: Tensor, word: Tensor, impl: str) -> tuple[Tensor, Tensor]:
    """Value, and gradient of its sum with irregular weights."""
    leaf = topic.detach().clone().requires_grad_()
    value = topic_word_rows(weight, leaf, word, impl=impl)
    probe = torch.cos(torch.arange(value.numel(), dtype=value.dtype, device=value.device))
    (grad,) = torch.autograd.grad((value.flatten() * probe).sum(), leaf)
    return value.detach(), grad


@pytest.mark.parametrize("impl", IMPLS)
def test_hand_worked(impl: str) -> None:
    weight = torch.tensor([[0.0], [math.log(2)], [math.log(4)]], dtype=torch.float64)
    topic = torch.tensor([[1.0], [0.0], [-1.0]], dtype=torch.float64).requires_grad_()
    value = topic_word_rows(weight, topic, torch.tensor([0, 2]), impl=impl)
    expected = torch.tensor([[1 / 7, 1 / 3, 4 / 7], [4 / 7, 1 / 3, 1 / 7]], dtype=torch.float64)
    torch.testing.assert_close(value, expected, rtol=1e-15, atol=1e-15)
    value[1].sum().backward()
    # beta (w - mean) with the mean word under weights 1 : 2 : 4, under 1 : 1 : 1, under 4 : 2 : 1
    slope = torch.tensor([[4 / 7 * (2 - 10 / 7)], [1 / 3], [1 / 7 * (2 - 4 / 7)]]) * math.log(2)
    assert topic.grad is not None
    torch.testing.assert_close(topic.grad, slope.double(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("impl", IMPLS)
def test_is_torchs_softmax_with_its_gradient(impl: str) -> None:
    weight, topic, word = arguments(700, 9, 5)
    leaf = topic.clone().requires_grad_()
    expected = torch.softmax(weight @ leaf.T, 0)[word]
    probe = torch.cos(torch.arange(float(expected.numel()), dtype=torch.float64))
    (grad,) = torch.autograd.grad((expected.flatten() * probe).sum(), leaf)
    value, came = run(weight, topic, word, impl)
    torch.testing.assert_close(value, expected.detach(), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(came, grad, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("impl", IMPLS)
def test_gradient(impl: str) -> None:
    weight, topic, word = arguments(30, 3, 4)
    leaf = topic.requires_grad_()
    assert torch.autograd.gradcheck(lambda t: topic_word_rows(weight, t, word, impl=impl), (leaf,))


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("V", "step"), [(1, 1), (47, 5), (48, 1), (3001, 3), (3001, 1000)])
@pytest.mark.parametrize(("K", "E"), [(1, 1), (3, 17), (50, 200), (33, 5), (130, 48)])
def test_native_is_the_reference(
    device: str, dtype: torch.dtype, V: int, step: int, K: int, E: int
) -> None:
    weight, topic, word = (x.to(device) for x in arguments(V, K, E, dtype, step))
    came = run(weight, topic, word, "native")
    wide = run(weight.double(), topic.double(), word, "reference")
    for ours, expected in zip(came, wide, strict=True):
        scale = max(1.0, float(expected.abs().max()))
        assert float((ours.double() - expected).abs().max()) <= TOLERANCE[dtype] * scale


@pytest.mark.parametrize("impl", IMPLS)
def test_large_logits_neither_overflow_nor_vanish(impl: str) -> None:
    # the largest comes last, so that every sum before it is scaled down to nothing
    weight = torch.linspace(-4000, 4000, 300)[:, None]
    ends = torch.tensor([0, 150, 299])
    value, grad = run(weight, torch.tensor([[1.0], [-1.0]]), ends, impl)
    assert value.tolist() == [[0, 1], [0, 0], [1, 0]]
    # w - mean = 4000 - 4000, to the rounding of one of them
    assert float(grad.abs().max()) < 4000 * 2**-23


@pytest.mark.parametrize("impl", IMPLS)
def test_no_words_wanted(impl: str) -> None:
    weight, topic, _ = arguments(60, 4, 6, torch.float32)
    value, grad = run(weight, topic, torch.zeros(0, dtype=torch.int64), impl)
    assert value.shape == (0, 4)
    assert torch.equal(grad, torch.zeros(4, 6))


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_the_number_of_threads_changes_nothing(device: str) -> None:
    weight, topic, word = (x.to(device) for x in arguments(3000, 50, 20, torch.float32))
    results = []
    for count in (1, 2, 3, 5):
        with threads(count):
            results.append(run(weight, topic, word, "native"))
    for value, grad in results[1:]:
        assert torch.equal(value, results[0][0])
        assert torch.equal(grad, results[0][1])


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_strides_and_half_types(device: str) -> None:
    weight, topic, word = (x.to(device) for x in arguments(60, 4, 6, torch.float32))
    turned, doubled = weight.T.contiguous().T, word.repeat_interleave(2)[::2]
    expected = topic_word_rows(weight, topic, word)
    assert torch.equal(topic_word_rows(turned, topic, doubled), expected)
    half = topic_word_rows(weight.bfloat16(), topic, word, impl="native")
    assert half.dtype == torch.float32
    assert torch.equal(half, topic_word_rows(weight.bfloat16().float(), topic, word))


@pytest.mark.parametrize("impl", IMPLS)
def test_what_does_not_fit_is_refused(impl: str) -> None:
    weight, topic, word = arguments(5, 3, 4, torch.float32)
    for wrong, words in (
        ((weight[0], topic, word), r"weight must have shape \(V, E\)"),
        (
            (weight, topic[:, :2], word),
            r"topic must have shape \(K, E\) with E = 4, but has \(3, 2\)",
        ),
        ((weight[:0], topic, word), "the vocabulary is empty"),
        ((weight.long(), topic, word), "floating-point"),
        ((weight, topic, word.int()), "word must be int64 on cpu"),
        ((weight, topic, word[None]), r"word must have shape \(R,\)"),
        ((weight, topic, word.flip(0)), r"word must rise within \[0, 5\) without repeats"),
        ((weight, topic, torch.tensor([1, 1])), "without repeats"),
        ((weight, topic, torch.tensor([-1, 1])), "runs from -1"),
        ((weight, topic, torch.tensor([1, 5])), "to 5"),
        ((weight.clone().requires_grad_(), topic, word), "weight gets no gradient here"),
    ):
        with pytest.raises(InputError, match=words):
            topic_word_rows(*wrong, impl=impl)
    with torch.no_grad():
        assert topic_word_rows(weight.requires_grad_(), topic, word, impl=impl).shape == (2, 3)


def test_implementations_by_name() -> None:
    weight, topic, word = arguments(5, 3, 4)
    with pytest.raises(OptionError, match="impl"):
        topic_word_rows(weight, topic, word, impl="fast")
    meta = [x.to("meta") for x in (weight, topic, word)]
    with pytest.raises(KernelUnavailableError):
        topic_word_rows(*meta, impl="native")
