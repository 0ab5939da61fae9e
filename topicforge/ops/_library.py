"""Finding, loading and describing the compiled libraries.

``TOPICFORGE_NATIVE`` decides: ``auto`` (the default) uses what is there, ``0`` uses the
reference everywhere, ``1`` makes a missing library an error where ``auto`` would have
fallen back. It is read once, when the first operator is imported.
"""

import ctypes
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from topicforge.errors import KernelUnavailableError, OptionError
from topicforge.ops._fork import mend_forks
from topicforge.ops._paths import (
    OLDEST_TORCH,
    library_folder,
    library_path,
    read_build_info,
    source_digest,
    source_folder,
)

mend_forks()

IMPLS = ("auto", "native", "reference")
_TWICE = 'pass impl="reference" to differentiate twice'
_BUILD_HINT = "build it with 'topicforge kernels build'"


@dataclass(frozen=True)
class LibraryStatus:
    """One library: for which device, where it is, whether it is loaded and why."""

    device: str
    path: Path
    loaded: bool
    why: str


@dataclass(frozen=True)
class KernelsReport:
    """What ``topicforge kernels`` prints; ``str()`` of it is the text.

    Attributes:
        switch: the value of TOPICFORGE_NATIVE.
        libraries: one status per device.
        operators: name of the operator → devices on which a native kernel serves it.
        instruction_set: what the CPU library chose on this machine, ``None`` without it.
        build: the build-info record written beside the libraries, empty if there is none.
        stale: whether the sources have changed since the libraries were built.
    """

    switch: str
    libraries: tuple[LibraryStatus, ...]
    operators: dict[str, tuple[str, ...]]
    instruction_set: str | None
    build: dict[str, Any] = field(default_factory=dict)
    stale: bool = False

    def __str__(self) -> str:
        lines = [f"TOPICFORGE_NATIVE = {self.switch}"]
        for library in self.libraries:
            state = "in use" if library.loaded else "not in use"
            lines.append(f"{library.device}: {state}: {library.why}")
        if self.instruction_set is not None:
            lines.append(f"instruction set: {self.instruction_set}")
        if self.build:
            lines.append(
                f"built with {self.build.get('compiler')} against torch {self.build.get('torch')}"
                f", for torch >= {self.build.get('target')}"
            )
        if self.stale:
            lines.append(f"the sources have changed since; {_BUILD_HINT} again")
        for name, devices in self.operators.items():
            lines.append(f"  {name:<28} {', '.join(devices) if devices else 'reference'}")
        return "\n".join(lines)


def _switch() -> str:
    value = os.environ.get("TOPICFORGE_NATIVE", "auto").strip().lower() or "auto"
    if value not in ("auto", "0", "1"):
        raise OptionError(
            f"TOPICFORGE_NATIVE must be auto, 0 or 1, but is {value!r}; correct the environment"
        )
    return value


def _why_not_cpu(path: Path, switch: str) -> str | None:
    import torch
    from packaging.version import Version

    if switch == "0":
        return "TOPICFORGE_NATIVE is 0"
    if Version(torch.__version__).release < Version(OLDEST_TORCH).release:
        return f"it needs torch >= {OLDEST_TORCH}, but torch is {torch.__version__}; upgrade torch"
    return _why_no_file(path, "cpu")


def _why_not_cuda(path: Path) -> str | None:
    import torch

    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return _why_no_file(path, "cuda")


def _why_no_file(path: Path, device: str) -> str | None:
    """Why the file can't be loaded: it is absent, or cut short, which loading would end in a crash."""
    record = read_build_info(path.parent)
    if not path.is_file():
        failure = record.get("failures", {}).get(device)
        if failure:
            return f"its build failed: {failure}\n{_BUILD_HINT} once that is mended"
        return f"there is no library at {path}; {_BUILD_HINT}"
    size = record.get("sizes", {}).get(path.name)
    if size is not None and path.stat().st_size != size:
        return f"{path} has {path.stat().st_size} bytes where its build wrote {size}; {_BUILD_HINT} again"
    return None


def _load(device: str, path: Path, why_not: str | None) -> LibraryStatus:
    import torch

    if why_not is None:
        try:
            torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]
        except (OSError, RuntimeError) as error:
            why_not = f"{path} does not load: {error}; {_BUILD_HINT} again"
    return LibraryStatus(device, path, why_not is None, why_not or f"loaded from {path}")


@cache
def libraries() -> dict[str, LibraryStatus]:
    """Load, once, what can be loaded; the CUDA library needs the CPU one, which has the schemas."""
    folder = library_folder()
    path = library_path("cpu", folder)
    cpu = _load("cpu", path, _why_not_cpu(path, _switch()))
    path = library_path("cuda", folder)
    why_not = _why_not_cuda(path) if cpu.loaded else "it needs the library for the CPU"
    return {"cpu": cpu, "cuda": _load("cuda", path, why_not)}


def implementation(device: str = "cpu") -> str:
    """One line for a log: which implementation runs on a device type, and why if it is the reference."""
    status = libraries().get(device)
    if status is not None and status.loaded:
        return f"operators: native ({instruction_set() if device == 'cpu' else device})"
    why = f"there are none for {device}" if status is None else status.why.splitlines()[0]
    return f"operators: plain PyTorch, because {why}"


# Plain containers filled once at import: torch.compile reads them as constants, where a
# call that looks at files would break the graph.
_READY: dict[str, tuple[str, ...]] = {}
#: the same operators in plain PyTorch, by name
REFERENCES: dict[str, Callable[..., Any]] = {}


def register(
    name: str,
    fake: Callable[..., Any],
    backward: Callable[..., Any] | None = None,
    setup_context: Callable[..., Any] | None = None,
    twice: str = _TWICE,
    mutates: bool = False,
    reference: Callable[..., Any] | None = None,
) -> None:
    """Give the loaded operator ``topicforge::name`` its shapes and its gradient.

    Without a library, or with one built before the operator existed, the operator counts as not
    available; ``reference`` then stands under its name, so that what is scripted finds one. An
    operator without ``backward`` says clearly that it can't be differentiated: a second derivative
    ends in that error.

    Args:
        name: operator's name in the ``topicforge`` namespace.
        fake: shapes and types of the results, from those of the arguments.
        backward: gradient rule, as :func:`torch.library.register_autograd` wants it.
        setup_context: what to keep for ``backward``.
        twice: what the error for a second derivative advises.
        mutates: it writes to its arguments, and so is called where nothing is differentiated.
        reference: the same in plain PyTorch, with the operator's arguments and results.
    """
    import torch

    if reference is not None:
        REFERENCES[name] = reference
    loaded = [device for device, status in libraries().items() if status.loaded]
    qualified = f"topicforge::{name}"
    if not loaded or not hasattr(torch.ops.topicforge, name):
        if reference is not None:
            schema = torch.library.infer_schema(reference, mutates_args=())
            torch.library.define(qualified, schema)
            torch.library.impl(qualified, "CompositeImplicitAutograd", reference)
        return
    torch.library.register_fake(qualified, fake)
    if backward is None:
        backward = _refuse_derivative(name, twice)
    if not mutates:  # torch takes a gradient rule for functional operators alone
        torch.library.register_autograd(qualified, backward, setup_context=setup_context)
    keys = {"cpu": "CPU", "cuda": "CUDA"}
    _READY[name] = tuple(
        device
        for device in loaded
        if torch._C._dispatch_has_kernel_for_dispatch_key(qualified, keys[device])
    )


def wanted(grads: Iterable[Any], wants: Iterable[bool]) -> tuple[Any, ...]:
    """The gradients that are wanted, None in place of the others."""
    return tuple(g if want else None for g, want in zip(grads, wants, strict=True))


def all_gradients(name: str) -> Callable[..., Any]:
    """A gradient rule: ``_name_backward`` of the gradients that arrive and of what was saved."""

    def backward(ctx: Any, *grads: Any) -> Any:
        return _operator(f"_{name}_backward")(*grads, *ctx.saved_tensors)

    return backward


def wanted_gradients(
    name: str, first: int, *, read: int | None = None, keep: int = 0
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A gradient rule and its setup: ``_name_backward`` is also told which gradients are wanted.

    Args:
        name: the operator.
        first: the first of its arguments that has a gradient; so have all that follow.
        read: how many arguments the backward reads, all by default.
        keep: how many outputs behind the first serve the backward and have no gradient.
    """

    def backward(ctx: Any, grad: Any, *_: Any) -> Any:
        wants = ctx.needs_input_grad[first:]
        grads = _operator(f"_{name}_backward")(grad, *ctx.saved_tensors, *wants)
        return *(None,) * first, *wanted(grads, wants)

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        kept = output[1:] if keep else ()
        ctx.mark_non_differentiable(*kept)
        ctx.save_for_backward(*inputs[:read], *kept)

    return backward, setup_context


def _operator(name: str) -> Any:
    import torch

    return getattr(torch.ops.topicforge, name)


def _refuse_derivative(name: str, twice: str) -> Callable[..., Any]:
    def refuse(ctx: Any, *grads: Any) -> Any:
        raise second_derivative_error(name.strip("_"), twice)

    return refuse


def second_derivative_error(where: str, twice: str = _TWICE) -> KernelUnavailableError:
    """The error for a gradient of a gradient, which no native operator has; ``twice`` advises."""
    return KernelUnavailableError(
        f"{where}: the native operator has first derivatives only, but a second one is needed; "
        f"{twice}"
    )


def serves(name: str, impl: str, device: str) -> bool:
    """Whether the native operator ``name`` runs this call; the reference does otherwise.

    Raises:
        OptionError: ``impl`` is none of "auto", "native", "reference".
        KernelUnavailableError: the native operator is demanded, by ``impl`` or by
            TOPICFORGE_NATIVE=1, and can't serve; the reason is in the message.
    """
    if impl == "reference":
        return False
    if impl == "auto":
        if device in _READY.get(name, ()):
            return True
        if not _DEMANDED:
            return False
    elif impl == "native":
        if device in _READY.get(name, ()):
            return True
    else:
        raise OptionError(f"{name}: impl must be one of {', '.join(IMPLS)}, but is {impl!r}")
    raise KernelUnavailableError(_why_unserved(name, impl, device))


def _why_unserved(name: str, impl: str, device: str) -> str:
    demand = 'impl="native"' if impl == "native" else "TOPICFORGE_NATIVE=1"
    status = libraries().get(device)
    if status is None:
        why = f"there are native kernels for cpu and cuda, but the tensors are on {device}"
    elif not status.loaded:
        why = status.why
    else:
        why = f"the library at {status.path} was built without it; {_BUILD_HINT} again"
    return f'{name}: {demand} needs the native operator, but {why}; impl="reference" needs none'


_DEMANDED = _switch() == "1"


def instruction_set() -> str | None:
    """What the CPU library chose: "avx512", "avx2" or "baseline"; None where it isn't loaded.

    If TOPICFORGE_CPU_SET names what is not there, the library's message about it.
    """
    status = libraries()["cpu"]
    if not status.loaded:
        return None
    function = ctypes.CDLL(str(status.path)).topicforge_cpu_instruction_set
    function.restype = ctypes.c_char_p
    name: bytes = function()
    return name.decode("ascii")


def kernels_report() -> KernelsReport:
    """Load everything and say what is in use and why."""
    from importlib import import_module

    from topicforge import ops

    states = libraries()
    for home in set(ops._HOMES.values()) - {"_build", "_library"}:
        import_module(f"topicforge.ops.{home}")
    names = sorted(name for name, home in ops._HOMES.items() if home not in ("_build", "_library"))
    build = read_build_info(states["cpu"].path.parent)
    try:
        stale = bool(build) and build.get("sources") != source_digest(source_folder())
    except KernelUnavailableError:  # installed without sources, so nothing to be stale against
        stale = False
    return KernelsReport(
        switch=_switch(),
        libraries=tuple(states.values()),
        operators={name: _READY.get(name, ()) for name in names},
        instruction_set=instruction_set(),
        build=build,
        stale=stale,
    )
