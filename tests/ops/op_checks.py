"""What the tests of all operators share: devices, equality with the reference, threads, memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from topicforge.ops import _library


def ready(name: str) -> list[Any]:
    """Devices on which the native operator ``name`` serves, as parameters that skip with a reason."""
    devices = _library._READY.get(name, ())
    missing = pytest.mark.skip(reason=f"{name}: {_library.libraries()['cpu'].why}")
    cpu = pytest.param("cpu", marks=() if "cpu" in devices else missing)
    cuda = [pytest.param("cuda", marks=pytest.mark.needs_cuda)] if "cuda" in devices else []
    return [cpu, *cuda]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run with ``count`` torch threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run(
    function: Callable[..., Tensor], tensors: Sequence[Tensor], **options: Any
) -> tuple[Tensor, list[Tensor]]:
    """Value, and gradients of Σ value · w with fixed irregular weights w, for every tensor."""
    leaves = [x.detach().clone().requires_grad_() for x in tensors]
    value = function(*leaves, **options)
    weights = torch.cos(torch.arange(value.numel(), dtype=value.dtype, device=value.device))
    (value * weights.view(value.shape)).sum().backward()
    grads = [x.grad if x.grad is not None else torch.zeros_like(x) for x in leaves]
    return value.detach(), grads


def assert_same(
    function: Callable[..., Tensor],
    tensors: Sequence[Tensor],
    tolerance: float,
    value_scale: float = 0.0,
    **options: Any,
) -> None:
    """Native value and gradients against the reference in float64 on the same numbers.

    ``tolerance`` is relative to the largest entry of each tensor: single entries that are sums
    of large terms of both signs carry the rounding of the terms. ``value_scale`` is the size of
    the terms where the value itself is such a sum.
    """
    value, grads = run(function, tensors, impl="native", **options)
    wide = [x.double() for x in tensors]
    expected, expected_grads = run(function, wide, impl="reference", **options)
    for i, (came, want) in enumerate(
        zip([value, *grads], [expected, *expected_grads], strict=True)
    ):
        assert came.shape == want.shape
        if want.numel() == 0:
            continue
        assert torch.isfinite(came).all(), f"tensor {i} is not finite"
        scale = max(float(want.abs().max()), value_scale if i == 0 else 0.0, 1e-30)
        error = float((came.double() - want).abs().max()) / scale
        assert error <= tolerance, f"tensor {i}: relative error {error:.2e} > {tolerance:.2e}"


def assert_thread_independent(
    function: Callable[..., Tensor], tensors: Sequence[Tensor], **options: Any
) -> None:
    """Bit for bit the same value and gradients with 1, 2, 3 and 5 threads."""
    results = []
    for count in (1, 2, 3, 5):
        with threads(count):
            value, grads = run(function, tensors, impl="native", **options)
        results.append([value, *grads])
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            assert torch.equal(first, second)


def strided(x: Tensor) -> Tensor:
    """The same numbers, not contiguous: every other column of a matrix twice as wide."""
    wide = x.new_zeros(*x.shape[:-1], 2 * x.shape[-1])
    wide[..., ::2] = x
    view = wide[..., ::2]
    assert x.numel() < 2 or not view.is_contiguous()
    return view


def peak_growth(function: Callable[[], Any]) -> int:
    """Bytes by which the process's resident memory peaks above where it starts."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not clear.exists():
        pytest.skip("peak memory is read from Linux's /proc")
    clear.write_text("5")  # the peak starts again from the present

    def field(name: str) -> int:
        (line,) = [x for x in status.read_text().splitlines() if x.startswith(name)]
        return 1024 * int(line.split()[1])

    before = field("VmRSS:")
    function()
    return field("VmHWM:") - before


# torch warns about its own doings: TorchScript is deprecated (and promised here all the same), and
# dynamo makes an object of a class that it says not to make objects of.
scripting = pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning")
compiling = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


def scripted(function: Callable[..., Any], tmp_path: Path) -> Any:
    """The function through TorchScript: compiled, saved, loaded."""
    path = tmp_path / "scripted.pt"
    torch.jit.script(function).save(str(path))
    return torch.jit.load(str(path))


def exported(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """The function through torch.export, as a module."""

    class Wrapped(torch.nn.Module):
        def forward(self, *inputs: Any) -> Any:
            return function(*inputs)

    return torch.export.export(Wrapped(), args).module()
