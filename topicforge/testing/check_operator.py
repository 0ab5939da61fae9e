"""The check of a native operator against its reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._library.custom_ops import CustomOpDef
from torch._ops import OpOverload

from topicforge.testing.suite import raising_nothing, require

DTYPES = (torch.float32, torch.float64)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run with ``count`` torch threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def strided(x: Tensor) -> Tensor:
    """Return the same numbers, not contiguous: every other column of a tensor twice as wide."""
    if x.dim() == 0:
        return x
    wide = x.new_zeros(*x.shape[:-1], 2 * x.shape[-1])
    wide[..., ::2] = x
    return wide[..., ::2]


def check_op(
    op: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    inputs: Sequence[tuple[Any, ...]],
    *,
    tolerance: float = 1e-5,
    gradients: bool = True,
) -> None:
    """A native operator computes what its reference computes, for every type and layout of its input.

    For each input: the value in float32 and float64 against the reference in float64; the same for
    strided input; bit for bit the same with 1, 2 and 3 threads; no argument is written to; the
    gradients by finite differences in float64 (torch.autograd.gradcheck). An operator of
    torch.library also passes torch.library.opcheck (schema, fake tensors, autograd registration).

    Args:
        op: the operator: a torch.library operator, or a Python function that calls one.
        reference: the same function in plain PyTorch.
        inputs: one tuple of arguments per case. Give an odd size, one row, and no row among them.
            Floating tensors are converted to each type, everything else is passed as it is.
        tolerance: largest error in float32, relative to the largest entry of the reference.
        gradients: check them too.

    Raises:
        CheckError: it does not; the message names the case.
    """
    name = str(getattr(op, "_name", None) or getattr(op, "__name__", op))
    what = f"operator {name!r}"
    require(
        len(inputs) > 0, what, "no input was given", "there must be something to compare",
        "pass tuples of arguments, one of them without rows",
    )  # fmt: skip
    for number, arguments in enumerate(inputs):
        wide = _converted(arguments, torch.float64)
        expected = reference(*wide).detach()
        for dtype in DTYPES:
            # float64 leaves as many roundings as float32's tolerance allows, in its own unit
            allowed = tolerance if dtype == torch.float32 else tolerance * 1e-6
            given = _converted(arguments, dtype)
            for layout in ("contiguous", "strided"):
                laid = given if layout == "contiguous" else _mapped(given, strided)
                where = f"in case {number}, {dtype}, {layout}, "
                _compare(what, where, op, laid, expected, allowed)
        _compare_threads(what, number, op, _converted(arguments, torch.float32))
        if gradients:
            _check_gradients(what, number, op, wide)
        if isinstance(op, OpOverload | CustomOpDef):
            _check_registration(what, number, op, wide)


def _mapped(arguments: tuple[Any, ...], change: Callable[[Tensor], Tensor]) -> tuple[Any, ...]:
    return tuple(
        change(x) if isinstance(x, Tensor) and x.is_floating_point() else x for x in arguments
    )


def _converted(arguments: tuple[Any, ...], dtype: torch.dtype) -> tuple[Any, ...]:
    return _mapped(arguments, lambda x: x.detach().to(dtype).clone())


def _compare(
    what: str,
    where: str,
    op: Callable[..., Tensor],
    given: tuple[Any, ...],
    expected: Tensor,
    allowed: float,
) -> None:
    before = _mapped(given, torch.clone)
    must = "it must compute there"
    change = "accept strided and empty tensors, or call contiguous() first"
    with raising_nothing(what, where + "calling it", must, change):
        value = op(*given).detach()
    require(
        value.shape == expected.shape, what, f"{where}it gave shape {tuple(value.shape)}",
        f"the reference gives {tuple(expected.shape)}", "look at the shape function",
    )  # fmt: skip
    if expected.numel():
        scale = max(float(expected.abs().max()), 1e-30)
        off = float((value.double() - expected).abs().max()) / scale
        require(
            off <= allowed, what, f"{where}it is off the reference by {off:.2g} of its size",
            f"{allowed:.2g} is allowed", "compare entry by entry; look at strides and at the last rows",
        )  # fmt: skip
    for index, (old, new) in enumerate(zip(before, given, strict=True)):
        require(
            not isinstance(old, Tensor) or torch.equal(old, new), what,
            f"{where}it wrote to argument {index}", "arguments are the caller's", "write to new memory",
        )  # fmt: skip


def _compare_threads(
    what: str, number: int, op: Callable[..., Tensor], given: tuple[Any, ...]
) -> None:
    values = []
    for count in (1, 2, 3):
        with threads(count):
            values.append(op(*given).detach())
    require(
        all(torch.equal(values[0], value) for value in values), what,
        f"in case {number} its value changes with the number of threads",
        "a fit must repeat bit for bit", "give each row to one thread, and add up in a fixed order",
    )  # fmt: skip


def _check_gradients(
    what: str, number: int, op: Callable[..., Tensor], wide: tuple[Any, ...]
) -> None:
    leaves = _mapped(wide, lambda x: x.requires_grad_())
    must = "gradients must be those of finite differences in float64"
    change = "register autograd and compare each derivative"
    with raising_nothing(what, f"in case {number}, gradcheck", must, change):
        torch.autograd.gradcheck(op, leaves)


def _check_registration(what: str, number: int, op: Any, wide: tuple[Any, ...]) -> None:
    must = "an operator must be complete for torch.compile and autograd"
    change = "register_fake, register_autograd"
    with raising_nothing(what, f"in case {number}, torch.library.opcheck", must, change):
        torch.library.opcheck(op, wide)
