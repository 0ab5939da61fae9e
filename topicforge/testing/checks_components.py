"""Checks of every component: construction, options, state, numbers, gradients."""

from __future__ import annotations

import math
from typing import Any

import torch

from topicforge.contracts import ComponentSpec, Decoder, Encoder, Link, Prior
from topicforge.contracts.options import is_number
from topicforge.errors import MixError, PluginError, TopicForgeError
from topicforge.registry import option_defaults
from topicforge.registry.checks import check_factory
from topicforge.registry.kinds import KINDS
from topicforge.testing.catalogue import check_for
from topicforge.testing.failure import CheckError, NotApplicable, require
from topicforge.testing.probe import probe, run
from topicforge.testing.subject import build, describe, title_of
from topicforge.testing.toys import toy_batch, toy_context

Module = Encoder | Link | Prior | Decoder


@check_for("encoder", "link", "prior", "divergence", "decoder", "regulariser", "callback")
def check_construction(spec: ComponentSpec) -> None:
    """A component is built from its context and its defaults alone, without any data or file.

    It must work for two topics and for seven, with a corpus at hand and without one (when a saved
    model is opened there is no vocabulary, no word frequency and no document). A link that can't
    serve other widths than K says so with MixError.
    """
    if not KINDS[spec.kind].takes_context:
        build(spec)
        return
    for context in (toy_context(), toy_context(2), toy_context(7), toy_context(opened=True)):
        build(spec, context)
    try:
        spec.factory(toy_context(4, 6))
    except MixError:
        pass
    except Exception as error:
        raise CheckError(
            f"{title_of(spec)}: with n_latent=6 and n_topics=4 it raised {type(error).__name__}: "
            f"{error}, but a latent wider than the topics must work or be refused. To mend it: size "
            "by context.n_latent what lives in z and by context.n_topics what lives on the simplex, "
            "or raise topicforge.plugin.MixError."
        ) from error


@check_for("encoder", "link", "prior", "divergence", "decoder", "regulariser", "callback")
def check_options_are_keyword_only(spec: ComponentSpec) -> None:
    """Every option is keyword-only and has a default.

    So that options can be listed, and a misspelt one is refused with the nearest name. Encoders and
    priors declare their latent under the same options: ``describe(**options)``.
    """
    try:
        factory = getattr(spec.factory, "factory", spec.factory)
        base: Any = KINDS[spec.kind].base
        check_factory(title_of(spec), base, factory)
    except PluginError as error:
        raise CheckError(f"{error}. To mend it: def __init__(self, context, *, x=1.0).") from error
    if spec.kind in ("encoder", "prior"):
        defaults = option_defaults(spec)
        try:
            declared, spelt_out = describe(spec), describe(spec, **defaults)
        except TypeError as error:
            raise CheckError(
                f"{title_of(spec)}: describe(**{defaults}) raised {error}, but it must take the "
                "component's own options. To mend it: def describe(cls, **options)."
            ) from error
        require(
            declared == spelt_out, title_of(spec),
            f"declares {declared} without options and {spelt_out} with its defaults spelt out",
            "both mean the same component", "use the same defaults in describe as in __init__",
        )  # fmt: skip


def numeric_options(spec: ComponentSpec) -> dict[str, Any]:
    """Return the options whose default is a number."""
    return {name: value for name, value in option_defaults(spec).items() if is_number(value)}


@check_for("encoder", "link", "prior", "divergence", "decoder", "regulariser", "callback")
def check_nonsense_options(spec: ComponentSpec) -> None:
    """A value outside an option's domain raises OptionError that names the option.

    Numbers (NaN, infinities, negative ones, zero, fractions) and words handed to a numeric option
    are taken or refused by an error of topicforge.plugin, never by torch's or Python's own. NaN is
    no number anyone means: it must be refused.
    """
    what = title_of(spec)
    nonsense = (math.nan, math.inf, -math.inf, -1, 0, -0.5, 1.5, "nonsense")
    context = (toy_context(),) if KINDS[spec.kind].takes_context else ()
    for name, default in numeric_options(spec).items():
        for value in nonsense:
            mend = (
                f"check {name!r} first in __init__ and raise topicforge.plugin.OptionError that says "
                "the option, its domain and the value that came"
            )
            try:
                spec.factory(*context, **{name: value})
            except TopicForgeError as error:
                alone = isinstance(value, float) and math.isnan(value)
                require(
                    not alone or name in str(error), what, f"refused {name}=nan with {str(error)!r}",
                    "the message must name the option", mend,
                )  # fmt: skip
            except Exception as error:
                raise CheckError(
                    f"{what}: {name}={value!r} (default {default!r}) raised {type(error).__name__}: "
                    f"{error}, but a bad value must raise an error of topicforge.plugin. To mend it: "
                    f"{mend}."
                ) from error
            else:
                require(
                    not (isinstance(value, float) and math.isnan(value)), what,
                    f"took {name}=nan", "NaN must be refused", mend,
                )  # fmt: skip


@check_for("encoder", "link", "prior", "decoder")
def check_state_dict(spec: ComponentSpec) -> None:
    """All state is in parameters and buffers: a copy made from the state dict computes the same.

    A tensor kept as a plain attribute is not saved with the model, and does not move with it.
    """
    torch.manual_seed(0)
    first = build(spec, toy_context())
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    torch.manual_seed(1)
    second = build(spec, toy_context(opened=True))
    try:
        second.load_state_dict(first.state_dict())
    except RuntimeError as error:
        raise CheckError(
            f"{title_of(spec)}: its state dict does not fit a component built from an opened "
            f"model's context: {error}, but shapes must follow from sizes and options. To mend it: "
            "no shape may depend on the vocabulary, the word frequencies or drawn numbers."
        ) from error
    a = run(spec, first.eval(), "after construction")
    b = run(spec, second.eval(), "after load_state_dict")
    for name, value in a.items():
        require(
            torch.equal(value, b[name]), title_of(spec),
            f"{name} differs by {_gap(value, b[name]):.2g} after load_state_dict",
            "a component loaded from another's state must compute the same",
            "register every tensor as nn.Parameter or with register_buffer",
        )  # fmt: skip


@check_for("encoder", "link", "prior", "decoder")
def check_seed(spec: ComponentSpec) -> None:
    """The same seed gives the same numbers: all randomness is torch's global generator's.

    Training seeds and restores that generator; numpy's or a generator of one's own would make fits
    that can't be repeated.
    """

    def once() -> dict[str, torch.Tensor]:
        torch.manual_seed(5)
        component = build(spec, toy_context())
        return run(spec, component, "with a fixed seed")

    a, b = once(), once()
    for name, value in a.items():
        require(
            torch.equal(value, b[name]), title_of(spec),
            f"{name} differs by {_gap(value, b[name]):.2g} between two runs with torch.manual_seed(5)",
            "the seed must decide every number",
            "draw with torch's global generator (torch.randn, nn.init), not numpy's or random's",
        )  # fmt: skip


@check_for("encoder", "link", "prior", "decoder")
def check_dtype(spec: ComponentSpec) -> None:
    """Float32 in, float32 out; after ``.double()``, float64 in, float64 out.

    In float64 the numbers are checked against others, and Apple's and CUDA's kernels refuse mixed
    types.
    """
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        component = build(spec, toy_context()).to(dtype).eval()
        for name, value in run(spec, component, f"in {dtype}", dtype=dtype).items():
            require(
                value.dtype == dtype, title_of(spec), f"{name} is {value.dtype} for {dtype} input",
                "the type must be the input's", "make constants with new_zeros, new_full or "
                "register_buffer, not with torch.tensor",
            )  # fmt: skip


@check_for("encoder", "link", "prior", "decoder")
def check_finite_and_batch_sizes(spec: ComponentSpec) -> None:
    """Batches of many documents, of one, of none and of empty documents all work and stay finite.

    The first axis is the documents': it has the batch's length, also if that is zero.
    """
    torch.manual_seed(0)
    component = build(spec, toy_context()).eval()
    for n, empty in ((6, (0, 3)), (1, ()), (1, (0,)), (0, ())):
        batch = toy_batch(n, empty=empty)
        what = f"for a batch of {n} document(s), {len(empty)} of them empty,"
        for name, value in run(spec, component, what, batch=batch).items():
            per_document = name in ("log_theta", "log_likelihood") or isinstance(component, Encoder)
            require(
                not per_document or (value.dim() > 0 and value.shape[0] == n), title_of(spec),
                f"{name} has shape {tuple(value.shape)} {what}",
                f"the first axis must have length {n}", "keep the documents' axis in every step",
            )  # fmt: skip
            require(
                bool(torch.isfinite(value).all()), title_of(spec), f"{name} is not finite {what}",
                "every document, also one without words, needs finite numbers",
                "divide by lengths only where they are above zero; work in log space",
            )  # fmt: skip


@check_for("encoder", "link", "prior", "decoder")
def check_gradients_reach_parameters(spec: ComponentSpec) -> None:
    """The loss's gradient reaches every parameter that requires one, and is finite.

    A parameter without gradient never learns: it is unused, or a detach, a ``.data`` or a NumPy
    step cuts it off.
    """
    torch.manual_seed(0)
    component = build(spec, toy_context())
    parameters = {k: p for k, p in component.named_parameters() if p.requires_grad}
    if not parameters:
        raise NotApplicable(f"{title_of(spec)} has no parameters that training moves")
    loss = torch.zeros(())
    for value in probe(component).values():
        weight = torch.cos(torch.arange(value.numel(), dtype=value.dtype)).view(value.shape)
        if value.requires_grad:
            loss = loss + (weight * value).sum()
    loss = loss + _density_term(component)
    require(
        loss.requires_grad, title_of(spec), "nothing it computes has a gradient",
        "its parameters must be trained", "leave out detach, .data and torch.no_grad",
    )  # fmt: skip
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, gradients, strict=True):
        require(
            gradient is not None and bool(torch.isfinite(gradient).all()), title_of(spec),
            f"parameter {name!r} gets " + ("no gradient" if gradient is None else "a NaN gradient"),
            "every parameter must be trained",
            "use it in what is returned without detach, or freeze it with requires_grad_(False)",
        )  # fmt: skip


def _density_term(component: Module) -> torch.Tensor:
    """Log density of a prior, which reaches what samples don't (a mixture's weights)."""
    if isinstance(component, Prior):
        p = component.distribution()
        try:
            return -p.log_prob(p.rsample(4).detach()).sum()
        except MixError:
            pass
    return torch.zeros(())


def _gap(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().abs().max()) if a.shape == b.shape and a.numel() else math.inf
