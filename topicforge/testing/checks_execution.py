"""Checks of how a component runs: compiled, scripted, on another device, without side effects."""

from __future__ import annotations

import copy
import warnings
from dataclasses import fields
from typing import Any

import torch

from topicforge.contracts import Batch, ComponentSpec, Decoder, Link
from topicforge.testing.probe import gap, link_input, probe, toy_part
from topicforge.testing.specs import title_of
from topicforge.testing.suite import NotApplicable, check_for, raising_nothing, require
from topicforge.testing.toys import toy_batch


@check_for("encoder", "link", "prior", "decoder")
def check_input_unchanged(spec: ComponentSpec) -> None:
    """A component writes to none of its input: the batch goes on to the decoder after the encoder."""
    batch = toy_batch()
    before = copy.deepcopy(batch)
    probe(spec, toy_part(spec).train(), "in training", batch=batch)
    for field in fields(Batch):
        a, b = getattr(before, field.name), getattr(batch, field.name)
        require(
            not isinstance(a, torch.Tensor) or torch.equal(a, b), title_of(spec),
            f"changed batch.{field.name} in place", "other components read the batch too",
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
    at_home = probe(spec, toy_part(spec), "on the CPU")
    for device in devices:
        away = probe(spec, toy_part(spec).to(device), f"on {device}", device=device)
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
            off = gap(value.detach().cpu(), expected)
            require(
                off <= 1e-4 * max(float(expected.detach().abs().max()), 1.0), title_of(spec),
                f"{name} differs by {off:.2g} between {device} and the CPU",
                "both must compute the same", "look for integer division and for unsorted reductions",
            )  # fmt: skip


@check_for("encoder", "link", "decoder")
def check_torch_compile(spec: ComponentSpec) -> None:
    """``torch.compile`` of the component gives the same numbers as without.

    Through TorchDynamo and AOTAutograd (backend ``aot_eager``), which trace everything that the
    default backend traces and need no C++ compiler. Agreement to 1e-5 of the largest entry.
    """
    component = toy_part(spec)
    expected = probe(spec, component, "uncompiled")
    torch._dynamo.reset()
    method = "log_likelihood" if isinstance(component, Decoder) else "forward"
    compiled: Any = torch.compile(getattr(component, method), backend="aot_eager", dynamic=False)
    setattr(component, method, compiled)
    with warnings.catch_warnings():
        # dynamo warns about its own internals
        warnings.simplefilter("ignore")
        came = probe(spec, component, "under torch.compile")
    torch._dynamo.reset()
    for name, value in came.items():
        off = gap(value, expected[name])
        limit = 1e-5 * max(float(expected[name].detach().abs().max()), 1.0)
        require(
            off <= limit, title_of(spec),
            f"{name} differs by {off:.2g} under torch.compile", "compiling changes no number",
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
    component = toy_part(spec)
    require(
        isinstance(component, Link), title_of(spec), "claims torchscript = True",
        "its forward takes or gives objects that are no TorchScript types", "leave the claim out",
    )  # fmt: skip
    given = link_input(component)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, about TorchScript
        must = "the class claims torchscript = True"
        change = "annotate types and use only TorchScript's Python, or leave the claim out"
        with raising_nothing(title_of(spec), "torch.jit.script", must, change):
            scripted = torch.jit.script(component)(given)
    off = gap(scripted, component(given))
    # the same kernels in the same order
    require(
        off < 1e-6, title_of(spec), f"the scripted forward differs by {off:.2g}",
        "TorchScript changes no number", "keep global state out of forward",
    )  # fmt: skip
