"""Checks that the tests of the three operators on sparse counts share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from op_checks import exported, run, scripted, strided
from sparse_cases import on
from torch import Tensor

from topicforge.errors import InputError, KernelUnavailableError, OptionError

Operator = Callable[..., Tensor]


def check_strides_and_short_indices(
    function: Operator, counts: list[Tensor], tensors: Sequence[Tensor]
) -> None:
    """Strided arguments and int32 indices change no bit, of values and of gradients."""
    crow, col, count = counts
    expected = run(on(function, counts), tensors, impl="native")
    other = [strided(crow).int(), strided(col), strided(count)]

    def apart(*leaves: Tensor, **options: Any) -> Tensor:
        return on(function, other)(*[strided(x) for x in leaves], **options)

    came = run(apart, tensors, impl="native")
    for x, y in zip([expected[0], *expected[1]], [came[0], *came[1]], strict=True):
        assert torch.equal(x, y)
    columns = [x.T.contiguous().T if x.dim() == 2 else x for x in tensors]
    assert torch.equal(on(function, counts)(*columns, impl="native"), expected[0])


def check_second_derivative(
    function: Operator, leaves: Sequence[Tensor], advice: str = 'impl="reference"'
) -> None:
    """A gradient of a gradient is our own error, which says what to do instead."""
    value = function(*leaves, impl="native")
    first = torch.autograd.grad((value * value.detach()).sum(), leaves[:1], create_graph=True)
    with pytest.raises(KernelUnavailableError, match=f"second one is needed.*{advice}"):
        first[0].sum().backward()


def check_half_and_autocast(
    function: Operator, counts: list[Tensor], tensors: Sequence[Tensor], device: str
) -> None:
    """Half types are widened to float32, with autocast and without; gradients come back in half."""
    half = [x.bfloat16() for x in tensors]
    expected = on(function, counts)(*[x.float() for x in half], impl="native")
    for enabled in (False, True):
        with torch.autocast(device, dtype=torch.bfloat16, enabled=enabled):
            for impl in ("native", "reference"):
                came = function(*counts, *half, impl=impl)
                assert came.dtype == torch.float32
                assert torch.allclose(came, expected, rtol=1e-5, atol=1e-5)
    _, grads = run(on(function, counts), half, impl="native")
    assert [g.dtype for g in grads] == [torch.bfloat16] * len(half)


def check_traced(function: Operator, counts: list[Tensor], tensors: Sequence[Tensor]) -> None:
    """torch.compile without a graph break and torch.export give the eager bits."""
    eager = run(on(function, counts), tensors, impl="native")
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    traced = run(on(compiled, counts), tensors, impl="native")
    for x, y in zip([eager[0], *eager[1]], [traced[0], *traced[1]], strict=True):
        assert torch.equal(x, y)
    module = exported(function, (*counts, *tensors))
    assert torch.equal(module(*counts, *tensors), eager[0])


def check_scripted(
    function: Operator, inputs: Sequence[Tensor], tmp_path: Path, *rest: object
) -> None:
    """A scripted, saved and loaded module gives the eager bits; ``rest`` are its last arguments."""
    module = scripted(function, tmp_path)
    assert torch.equal(module(*inputs, *rest), function(*inputs, impl="native"))


def check_wrong_counts(
    function: Operator, counts: list[Tensor], tensors: Sequence[Tensor], V: int, impl: str
) -> None:
    """Each way in which counts can be wrong is an InputError that names it."""
    crow, col, count = counts
    assert len(crow) > 2
    assert len(col) > 2

    def refused(match: str, *wrong: Tensor) -> None:
        with pytest.raises(InputError, match=match):
            function(*wrong, *tensors, impl=impl)

    high, low, fallen = col.clone(), col.clone(), crow.clone()
    high[2], low[1] = V, -1
    fallen[1] = crow[2] + 1
    refused(rf"col must hold word numbers in \[0, {V}\), but holds {V}", crow, high, count)
    refused("holds -1", crow, low, count)
    refused("crow must never fall.*document 1", fallen, col, count)
    refused("crow must run from 0 to the number of entries", crow + 1, col, count)
    refused("one entry more than there are documents", crow[:0], col, count)
    refused("col must be an int64 or int32 tensor", crow, col.double(), count)
    refused("must be a floating-point tensor", crow, col, count.long())
    refused(r"must both have shape \(nnz,\)", crow, col, count[1:])
    refused(r"must both have shape \(nnz,\)", crow, col[None], count)
    with pytest.raises(OptionError, match="impl must be one of"):
        function(*counts, *tensors, impl="fast")
