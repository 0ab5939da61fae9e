"""Checks of every component: construction, options, state, numbers, gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from topicforge.contracts import ComponentSpec, Encoder, Prior
from topicforge.contracts.options import is_number
from topicforge.errors import MixError, PluginError, TopicForgeError
from topicforge.registry import build, describe, option_defaults
from topicforge.registry.checks import check_factory
from topicforge.registry.kinds import KINDS
from topicforge.testing.probe import gap, probe, require_finite, toy_part
from topicforge.testing.specs import title_of
from topicforge.testing.suite import CheckError, NotApplicable, check_for, raising_nothing, require
from topicforge.testing.toys import toy_batch, toy_context

_EVERY = ("encoder", "link", "prior", "divergence", "decoder", "regulariser", "callback")
_MODULES = ("encoder", "link", "prior", "decoder")


@check_for(*_EVERY)
def check_construction(spec: ComponentSpec) -> None:
    """A component is built from its context and its defaults alone, without any data or file.

    It must work for two topics and for seven, with a corpus at hand and without one (when a saved
    model is opened there is no vocabulary, no word frequency and no document). A component that
    can't have a latent wider than the topics raises MixError.
    """
    if not KINDS[spec.kind].takes_context:
        toy_part(spec)
        return
    for context in (toy_context(), toy_context(2), toy_context(7), toy_context(opened=True)):
        toy_part(spec, context)
    with raising_nothing(
        title_of(spec), "construction with n_latent=6 and n_topics=4",
        "a latent wider than the topics must work or be refused with topicforge.plugin.MixError",
        "size by context.n_latent what lives in z and by context.n_topics what lives on the simplex",
    ), suppress(MixError):  # fmt: skip
        build(spec, {}, toy_context(4, 6))


@check_for(*_EVERY)
def check_options_are_keyword_only(spec: ComponentSpec) -> None:
    """Every option is keyword-only and has a default.

    Options can then be listed, and a misspelt one is refused with the nearest name. Encoders and
    priors declare their latent under the same options: ``describe(**options)``.
    """
    what, base = title_of(spec), KINDS[spec.kind].base
    assert base is not None
    try:
        check_factory(what, base, getattr(spec.factory, "func", spec.factory))
    except PluginError as error:
        raise CheckError(
            f"{error}. To correct it: def __init__(self, context, *, x=1.0)."
        ) from error
    if spec.kind in ("encoder", "prior"):
        defaults = option_defaults(spec)
        must = "it must take the component's own options and return a topicforge.plugin.Latent"
        with raising_nothing(what, "describe", must, "def describe(cls, **options)"):
            declared, again = describe(spec, {}), describe(spec, defaults)
        require(
            declared == again, what,
            f"declares {declared} without options and {again} with its defaults written out",
            "both mean the same component", "use the same defaults in describe as in __init__",
        )  # fmt: skip


@check_for(*_EVERY)
def check_nonsense_options(spec: ComponentSpec) -> None:
    """A value outside an option's domain raises OptionError that names the option.

    Numbers (NaN, infinities, negative ones, zero, fractions) and texts passed to a numeric option
    are accepted or refused by an error of topicforge.plugin, never by torch's or Python's own. NaN
    must be refused.
    """
    what = title_of(spec)
    context = (toy_context(),) if KINDS[spec.kind].takes_context else ()
    numeric = [name for name, value in option_defaults(spec).items() if is_number(value)]
    for name in numeric:
        change = (
            f"check {name!r} first in __init__ and raise topicforge.plugin.OptionError that says "
            "the option, its domain and the value that came"
        )
        for value in (math.nan, math.inf, -math.inf, -1, 0, -0.5, 1.5, "nonsense"):
            must = "a bad value must raise an error of topicforge.plugin"
            refusal = None
            with raising_nothing(what, f"{name}={value!r}", must, change):
                try:
                    spec.factory(*context, **{name: value})
                except TopicForgeError as error:
                    refusal = str(error)
            if isinstance(value, float) and math.isnan(value):
                require(
                    refusal is not None, what, f"took {name}=nan", "NaN must be refused", change
                )
                require(
                    name in str(refusal), what, f"refused {name}=nan with {refusal!r}",
                    "the message must name the option", change,
                )  # fmt: skip


@check_for(*_MODULES)
def check_state_dict(spec: ComponentSpec) -> None:
    """All state is in parameters and buffers: a copy made from the state dict computes the same.

    No tensor is a plain attribute, neither after construction nor after ``start``: it would not be
    saved with the model, nor move to a device with it.
    """
    what, first, started = title_of(spec), toy_part(spec), toy_part(spec)
    started.start()
    for when, component in (("construction", first), ("start()", started)):
        for name in _plain_tensors(component):
            raise CheckError(
                f"{what}: after {when} it has the tensor {name!r} as a plain attribute, but such a "
                "tensor is neither saved with the model nor moved to its device. To correct it: "
                f"self.register_buffer({name.rpartition('.')[2]!r}, ...), or nn.Parameter if it is "
                "trained."
            )
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    torch.manual_seed(1)
    second = build(spec, {}, toy_context(opened=True))
    with raising_nothing(
        what, "load_state_dict", "shapes must follow from sizes and options",
        "let no shape depend on the vocabulary, the word frequencies or random numbers",
    ):  # fmt: skip
        second.load_state_dict(first.state_dict())
    a = probe(spec, first.eval(), "after construction")
    b = probe(spec, second.eval(), "after load_state_dict")
    for name, value in a.items():
        require(
            torch.equal(value, b[name]), what,
            f"{name} differs by {gap(value, b[name]):.2g} after load_state_dict",
            "a component loaded from another's state must compute the same",
            "register all state as nn.Parameter or with register_buffer",
        )  # fmt: skip


def _plain_tensors(component: torch.nn.Module) -> Iterator[str]:
    for prefix, module in component.named_modules():
        for name, value in vars(module).items():
            if name not in ("_parameters", "_buffers", "_modules", "context") and _holds(value):
                yield f"{prefix}.{name}" if prefix else name


def _holds(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds, value))
    return isinstance(value, Tensor)


@check_for(*_MODULES)
def check_seed(spec: ComponentSpec) -> None:
    """The same seed gives the same numbers: all randomness is torch's global generator's.

    Training seeds and restores that generator; numpy's or another generator would make fits that
    can't be repeated.
    """
    a, b = (probe(spec, toy_part(spec).train(), "with a fixed seed") for _ in range(2))
    for name, value in a.items():
        require(
            torch.equal(value, b[name]), title_of(spec),
            f"{name} differs by {gap(value, b[name]):.2g} between two runs with one torch.manual_seed",
            "the seed must decide every number",
            "draw with torch's global generator (torch.randn, nn.init), not numpy's or random's",
        )  # fmt: skip


@check_for(*_MODULES)
def check_dtype(spec: ComponentSpec) -> None:
    """Float32 in, float32 out; after ``.double()``, float64 in, float64 out.

    Numbers are checked against references in float64, and Apple's and CUDA's kernels refuse mixed
    types.
    """
    for dtype in (torch.float32, torch.float64):
        component = toy_part(spec).to(dtype)
        for name, value in probe(spec, component, f"in {dtype}", dtype=dtype).items():
            require(
                value.dtype == dtype, title_of(spec), f"{name} is {value.dtype} for {dtype} input",
                "the type must be the input's", "make constants with new_zeros, new_full or "
                "register_buffer, not with torch.tensor",
            )  # fmt: skip


@check_for(*_MODULES)
def check_finite_and_batch_sizes(spec: ComponentSpec) -> None:
    """Batches of many documents, of one, of none and of empty documents all work and stay finite.

    The first axis is the documents': it has the batch's length, also if that is zero.
    """
    what, component = title_of(spec), toy_part(spec)
    for n, empty in ((6, (0, 3)), (1, ()), (1, (0,)), (0, ())):
        where = f"for a batch of {n} document(s), {len(empty)} of them empty,"
        batch = toy_batch(n, empty=empty)
        for name, value in probe(spec, component, where, batch=batch).items():
            per_document = name in ("log_theta", "log_likelihood") or isinstance(component, Encoder)
            require(
                not per_document or (value.dim() > 0 and value.shape[0] == n), what,
                f"{name} has shape {tuple(value.shape)} {where}",
                f"the first axis must have length {n}", "keep the documents' axis in every step",
            )  # fmt: skip
            change = "divide by lengths only where they are above zero; work in log space"
            require_finite(what, f"{where} {name}", value, change)


@check_for(*_MODULES)
def check_gradients_reach_parameters(spec: ComponentSpec) -> None:
    """The loss's gradient reaches every parameter that requires one, and is finite.

    A parameter without gradient never learns: it is unused, or a detach, a ``.data`` or a NumPy
    step cuts it off.
    """
    what, component = title_of(spec), toy_part(spec).train()
    parameters = {k: p for k, p in component.named_parameters() if p.requires_grad}
    if not parameters:
        raise NotApplicable(f"{what} has no parameters that training moves")
    loss = torch.zeros(())
    for value in probe(spec, component, "in training").values():
        weight = torch.cos(torch.arange(value.numel(), dtype=value.dtype)).view(value.shape)
        if value.requires_grad:
            loss = loss + (weight * value).sum()
    if isinstance(component, Prior):
        # the log density reaches what samples don't (a mixture's weights)
        p = component.distribution()
        with suppress(MixError):
            loss = loss - p.log_prob(p.rsample(4).detach()).sum()
    require(
        loss.requires_grad, what, "nothing it computes has a gradient",
        "its parameters must be trained", "leave out detach, .data and torch.no_grad",
    )  # fmt: skip
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, gradients, strict=True):
        require(
            gradient is not None and bool(torch.isfinite(gradient).all()), what,
            f"parameter {name!r} gets " + ("no gradient" if gradient is None else "a NaN gradient"),
            "every parameter must be trained",
            "use it in what is returned without detach, or freeze it with requires_grad_(False)",
        )  # fmt: skip
