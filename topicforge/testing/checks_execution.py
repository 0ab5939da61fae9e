"""Checks of how a component runs: compiled, scripted, on another device, without side effects."""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import fields
from typing import Any

import torch

from topicforge.contracts import Batch, ComponentSpec, Decoder, Link
from topicforge.testing.catalogue import check_for
from topicforge.testing.failure import CheckError, NotApplicable, require
from topicforge.testing.probe import link_input, run
from topicforge.testing.subject import build, title_of
from topicforge.testing.toys import toy_batch, toy_context


def _built(spec: ComponentSpec) -> Any:
    torch.manual_seed(0)
    return build(spec, toy_context()).eval()


@check_for("encoder", "link", "prior", "decoder")
def check_input_unchanged(spec: ComponentSpec) -> None:
    """A component writes to none of its input: the batch goes on to the decoder after the encoder."""
    batch = toy_batch()
    before = copy.deepcopy(batch)
    run(spec, _built(spec).train(), "in training", batch=batch)
    for field in fields(Batch):
        a, b = getattr(before, field.name), getattr(batch, field.name)
        require(
            not isinstance(a, torch.Tensor) or torch.equal(a, b), title_of(spec),
            f"changed batch.{field.name} in place", "the batch belongs to everyone",
            "leave out operations that end in an underscore, or clone first",
        )  # fmt: skip


@check_for("encoder", "link", "prior", "decoder")
def check_device(spec: ComponentSpec) -> None:
    """After ``.to(device)`` the component computes there what it computes on the CPU.

    On CUDA or Apple's MPS, whichever is there; without one the check is skipped. Numbers agree to
    1e-4 of the largest: float32 sums in another order. Samples are drawn by another generator and
    are compared by shape.
    """
    devices = [
        name
        for name, there in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
        )
        if there
    ]
    if not devices:
        raise NotApplicable("neither CUDA nor MPS is there")
    at_home = run(spec, _built(spec), "on the CPU")
    for device in devices:
        away = run(spec, _built(spec).to(device), f"on {device}", device=device)
        for name, value in away.items():
            expected = at_home[name]
            require(
                value.device.type == device and value.shape == expected.shape, title_of(spec),
                f"{name} lies on {value.device} with shape {tuple(value.shape)}",
                f"it must lie on {device} with shape {tuple(expected.shape)}",
                "make new tensors with new_zeros or device=...; register constants as buffers",
            )  # fmt: skip
            if name == "sample" or not value.numel():
                continue
            gap = float((value.detach().cpu() - expected.detach()).abs().max())
            require(
                gap <= 1e-4 * max(float(expected.detach().abs().max()), 1.0), title_of(spec),
                f"{name} differs by {gap:.2g} between {device} and the CPU",
                "both must compute the same", "look for integer division and for unsorted reductions",
            )  # fmt: skip


@check_for("encoder", "link", "decoder")
def check_torch_compile(spec: ComponentSpec) -> None:
    """``torch.compile`` of the component gives the same numbers as without.

    Through TorchDynamo and AOTAutograd (backend ``aot_eager``), which trace everything that the
    default backend traces and need no C++ compiler. Agreement to 1e-5 of the largest entry.
    """
    component = _built(spec)
    expected = run(spec, component, "uncompiled")
    torch._dynamo.reset()
    method = "log_likelihood" if isinstance(component, Decoder) else "forward"
    compiled: Any = torch.compile(getattr(component, method), backend="aot_eager", dynamic=False)
    setattr(component, method, compiled)
    with warnings.catch_warnings():
        # dynamo warns about its own doings (objects it says not to make, profiler hooks)
        warnings.simplefilter("ignore")
        came = run(spec, component, "under torch.compile")
    torch._dynamo.reset()
    for name, value in came.items():
        gap = float((value - expected[name]).detach().abs().max()) if value.numel() else 0.0
        limit = 1e-5 * max(float(expected[name].detach().abs().max()), 1.0)
        require(
            gap <= limit or math.isclose(gap, 0), title_of(spec),
            f"{name} differs by {gap:.2g} under torch.compile", "compiling changes no number",
            "keep Python side effects and NumPy out of forward",
        )  # fmt: skip


@check_for("encoder", "link", "prior", "decoder")
def check_torchscript(spec: ComponentSpec) -> None:
    """A class that claims ``torchscript = True`` can be scripted, and computes the same.

    Tensors in, tensors out: the claim is for links, whose ``forward`` takes and gives a tensor. A
    batch or a distribution is no TorchScript type.
    """
    if not getattr(spec.factory, "torchscript", False):
        raise NotApplicable(f"{title_of(spec)} does not claim torchscript = True")
    component = _built(spec)
    require(
        isinstance(component, Link), title_of(spec), "claims torchscript = True",
        "its forward takes or gives objects that are no TorchScript types", "leave the claim out",
    )  # fmt: skip
    given = link_input(component)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, about TorchScript
        try:
            scripted = torch.jit.script(component)(given)
        except Exception as error:
            raise CheckError(
                f"{title_of(spec)}: torch.jit.script failed with {type(error).__name__}: {error}, but "
                "the class claims torchscript = True. To mend it: annotate types and keep to "
                "TorchScript's Python, or leave the claim out."
            ) from error
    gap = float((scripted - component(given)).detach().abs().max())
    # the same kernels in the same order
    require(
        gap < 1e-6, title_of(spec), f"the scripted forward differs by {gap:.2g}",
        "TorchScript changes no number", "keep global state out of forward",
    )  # fmt: skip
