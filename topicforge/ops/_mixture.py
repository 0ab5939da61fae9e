"""Gaussian mixtures with diagonal or isotropic variances, and VaDE's bound on the divergence to one."""

from math import log, pi
from typing import Any

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library
from topicforge.ops._arguments import check_shapes, harmonise, is_scripting, widen


def mixture_log_prob(
    z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor, impl: str = "auto"
) -> Tensor:
    """Log-likelihood log p(z_b) = log Σ_c π_c N(z_b; μ_c, diag σ²_c), by log-sum-exp.

    Differences z − μ are squared as they stand, so float32 keeps its digits where means lie
    thousands of standard deviations from zero. The native operator streams over components;
    the reference holds (B, C, L).

    Args:
        z: points (B, L).
        loc: means μ (C, L).
        log_var: log σ², diagonal (C, L) or isotropic (C, 1).
        log_weight: log π (C,); normalised if a density is meant; −∞ for a component of weight 0,
            but not for all of them.
        impl: "auto", "native" or "reference".

    Returns:
        log p(z) (B,), in the common dtype of the arguments, at least float32. Gradients reach
        all four arguments.

    Raises:
        InputError: a shape, dtype or device does not fit.
        OptionError: ``impl`` is unknown.
        KernelUnavailableError: ``impl="native"`` without a native kernel for this call.

    Source: Bishop 2006, eq. 9.14 for the logarithm's argument.
    """
    if is_scripting():
        result: Tensor = torch.ops.topicforge.mixture_log_prob(
            widen(z), widen(loc), widen(log_var), widen(log_weight)
        )
        return result
    else:
        return _log_prob("mixture_log_prob", impl, z, loc, log_var, log_weight)


def mixture_responsibilities(
    z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor, impl: str = "auto"
) -> Tensor:
    """q(c | z_b) = π_c N(z_b; μ_c, σ²_c) / Σ_c′ π_c′ N(z_b; μ_c′, σ²_c′), by log-sum-exp.

    Args, errors: those of :func:`mixture_log_prob`.

    Returns:
        Rows that sum to 1 (B, C), in the common dtype of the arguments, at least float32.
        Gradients reach all four arguments.

    Source: Jiang et al. 2017 (VaDE), eq. 16; Zhang, survey, eq. 18.
    """
    if is_scripting():
        result: Tensor = torch.ops.topicforge.mixture_responsibilities(
            widen(z), widen(loc), widen(log_var), widen(log_weight)
        )
        return result
    else:
        return _responsibilities("mixture_responsibilities", impl, z, loc, log_var, log_weight)


def mixture_kl_bound(
    loc: Tensor,
    log_var: Tensor,
    z: Tensor,
    mix_loc: Tensor,
    mix_log_var: Tensor,
    log_weight: Tensor,
    impl: str = "auto",
) -> Tensor:
    """½ Σ_c η_c Σ_j [log σ²_cj + (σ̃²_j + (μ̃_j − μ_cj)²)/σ²_cj] − Σ_c η_c log(π_c/η_c) − H.

    H = ½ Σ_j (1 + log σ̃²_j).

    The terms of VaDE's bound that stand for KL(q(z, c | x) ‖ p(z, c)), per document, with
    η_c = q(c | z), the responsibilities at the sample z, through which gradients
    flow. Everything in log space: far from every component η stays what it is, and a
    component of weight 0 contributes 0. One pass over components serves η and the sums.

    Args:
        loc: posterior means μ̃ (B, L).
        log_var: posterior log σ̃² (B, L).
        z: samples of the posterior (B, L), at which η is taken.
        mix_loc: the mixture's means μ (C, L).
        mix_log_var: its log σ², diagonal (C, L) or isotropic (C, 1).
        log_weight: its log π (C,); −∞ for a component of weight 0, but not for all of them.
        impl: "auto", "native" or "reference".

    Returns:
        The bound (B,), in the common dtype of the arguments, at least float32. Gradients reach
        all six tensors.

    Raises:
        InputError: a shape, dtype or device does not fit.
        OptionError: ``impl`` is unknown.
        KernelUnavailableError: ``impl="native"`` without a native kernel for this call.

    Source: Jiang et al. 2017 (VaDE), eqs. 12 and 16; Zhang, survey, eqs. 17 and 18.
    """
    if is_scripting():
        outputs: tuple[Tensor, Tensor, Tensor] = torch.ops.topicforge.mixture_kl_bound(
            widen(loc), widen(log_var), widen(z),
            widen(mix_loc), widen(mix_log_var), widen(log_weight),
        )  # fmt: skip
        return outputs[0]
    else:
        return _kl_bound(impl, loc, log_var, z, mix_loc, mix_log_var, log_weight)


def _checked(
    where: str, z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor
) -> list[Tensor]:
    tensors = harmonise(where, z=z, loc=loc, log_var=log_var, log_weight=log_weight)
    columns = "1" if log_var.shape[-1:] == (1,) else "L"
    check_shapes(
        where,
        loc=(loc, "CL"),
        log_var=(log_var, "C" + columns),
        log_weight=(log_weight, "C"),
        z=(z, "BL"),
    )
    _check_not_empty(where, "loc", loc)
    return tensors


def _check_not_empty(where: str, name: str, loc: Tensor) -> None:
    if 0 in loc.shape:
        raise InputError(
            f"{where}: {name} must have C >= 1 components and L >= 1 dimensions, but has shape "
            f"{tuple(loc.shape)}"
        )


def _log_prob(where: str, impl: str, *inputs: Tensor) -> Tensor:
    z, loc, log_var, log_weight = _checked(where, *inputs)
    if not _library.serves(where, impl, z.device.type):
        return _log_prob_reference(z, loc, log_var, log_weight)
    result: Tensor
    if _keeps(z, loc, log_var, log_weight):
        result = _Kept.apply(z, loc, log_var, log_weight)  # type: ignore[no-untyped-call]
    else:
        result = torch.ops.topicforge.mixture_log_prob(z, loc, log_var, log_weight)
    return result


def _responsibilities(where: str, impl: str, *inputs: Tensor) -> Tensor:
    z, loc, log_var, log_weight = _checked(where, *inputs)
    if not _library.serves(where, impl, z.device.type):
        return _responsibilities_reference(z, loc, log_var, log_weight)
    result: Tensor = torch.ops.topicforge.mixture_responsibilities(z, loc, log_var, log_weight)
    return result


def _kl_bound(
    impl: str,
    loc: Tensor,
    log_var: Tensor,
    z: Tensor,
    mix_loc: Tensor,
    mix_log_var: Tensor,
    log_weight: Tensor,
) -> Tensor:
    where = "mixture_kl_bound"
    tensors = harmonise(
        where, loc=loc, log_var=log_var, z=z,
        mix_loc=mix_loc, mix_log_var=mix_log_var, log_weight=log_weight,
    )  # fmt: skip
    columns = "1" if mix_log_var.shape[-1:] == (1,) else "L"
    check_shapes(
        where,
        mix_loc=(mix_loc, "CL"),
        mix_log_var=(mix_log_var, "C" + columns),
        log_weight=(log_weight, "C"),
        z=(z, "BL"),
        loc=(loc, "BL"),
        log_var=(log_var, "BL"),
    )
    _check_not_empty(where, "mix_loc", mix_loc)
    if not _library.serves(where, impl, z.device.type):
        return _kl_bound_reference(*tensors)[0]
    bound: Tensor = torch.ops.topicforge.mixture_kl_bound(*tensors)[0]
    return bound


def _component_log_prob(z: Tensor, loc: Tensor, log_var: Tensor) -> Tensor:
    """−½ Σ_l [log 2π + log σ²_cl + (z_bl − μ_cl)² / σ²_cl] = log N(z_b; μ_c, σ²_c), (B, C).

    Expanding the square would need no (B, C, L), but loses every digit in float32 where means are far
    from zero.
    """
    log_var = log_var.expand(loc.shape)
    distance = (z[:, None, :] - loc).square() * torch.exp(-log_var)  # (B, C, L)
    return -0.5 * (distance.sum(-1) + log_var.sum(-1) + loc.shape[1] * log(2.0 * pi))


def _log_prob_reference(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    return torch.logsumexp(_component_log_prob(z, loc, log_var) + log_weight, dim=-1)


def _responsibilities_reference(
    z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor
) -> Tensor:
    return torch.softmax(_component_log_prob(z, loc, log_var) + log_weight, dim=-1)


def _kl_bound_reference(
    loc: Tensor,
    log_var: Tensor,
    z: Tensor,
    mix_loc: Tensor,
    mix_log_var: Tensor,
    log_weight: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Since log η_c = log π_c + log N_c(z) − log p(z), the entropy of η needs no log π.

    It is Σ_c η_c log N_c(z) − log p(z): a component of weight 0 contributes 0, not 0 · (∞ − ∞).
    """
    mix_log_var = mix_log_var.expand(mix_loc.shape)
    log_density = _component_log_prob(z, mix_loc, mix_log_var)  # (B, C)
    log_joint = log_density + log_weight
    eta = torch.softmax(log_joint, dim=-1)
    spread = torch.exp(log_var)[:, None, :] + (loc[:, None, :] - mix_loc).square()  # (B, C, L)
    expected = 0.5 * (mix_log_var + spread * torch.exp(-mix_log_var)).sum(-1)  # (B, C)
    log_prob = torch.logsumexp(log_joint, dim=-1)
    cross = (eta * (expected + log_density)).sum(-1)
    gap = cross + 0.5 * loc.shape[1] * log(2.0 * pi)
    return cross - log_prob - 0.5 * (1.0 + log_var).sum(-1), log_prob, gap


def _keeps(z: Tensor, *parameters: Tensor) -> bool:
    """Whether to keep q(c | z): if it is at most twice as large as z and a gradient will be needed.

    Eager and on the CPU only; what is traced has the operator's own gradient.
    """
    components, dimensions = parameters[0].shape
    return (
        components <= 2 * dimensions
        and z.device.type == "cpu"
        and torch.is_grad_enabled()
        and (z.requires_grad or any(x.requires_grad for x in parameters))
        and not torch.compiler.is_compiling()
    )


class _Kept(torch.autograd.Function):
    """The native operator with q(c | z) kept: the backward has no distance to take again."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        log_prob: Tensor
        log_prob, shares = torch.ops.topicforge._mixture_log_prob_keep(*inputs)
        ctx.save_for_backward(*inputs[:3], shares)
        return log_prob

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        grads: tuple[Tensor, ...] = torch.ops.topicforge._mixture_log_prob_kept_backward(
            grad, *ctx.saved_tensors
        )
        return grads


def _shapes_of_gradients(_: Tensor, *saved: Tensor) -> tuple[Tensor, ...]:
    z, loc, log_var = saved[:3]
    return (
        z.new_empty(z.shape),
        loc.new_empty(loc.shape),
        log_var.new_empty(log_var.shape),
        loc.new_empty(loc.shape[0]),
    )


def _fake_kl_bound(*inputs: Tensor) -> tuple[Tensor, ...]:
    return tuple(inputs[2].new_empty(inputs[2].shape[0]) for _ in range(3))


_library.register(
    "mixture_log_prob",
    lambda z, *_: z.new_empty(z.shape[0]),
    _library.all_gradients("mixture_log_prob"),
    lambda ctx, inputs, output: ctx.save_for_backward(*inputs, output),
    reference=_log_prob_reference,
)
_library.register("_mixture_log_prob_backward", _shapes_of_gradients)
_library.register(
    "_mixture_log_prob_keep",
    lambda z, loc, *_: (z.new_empty(z.shape[0]), z.new_empty(z.shape[0], loc.shape[0])),
)
_library.register("_mixture_log_prob_kept_backward", _shapes_of_gradients)
_library.register(
    "mixture_responsibilities",
    lambda z, loc, *_: z.new_empty(z.shape[0], loc.shape[0]),
    _library.all_gradients("mixture_responsibilities"),
    lambda ctx, inputs, output: ctx.save_for_backward(*inputs[:3], output),
    reference=_responsibilities_reference,
)
_library.register("_mixture_responsibilities_backward", _shapes_of_gradients)
_library.register(
    "mixture_kl_bound",
    _fake_kl_bound,
    _library.all_gradients("mixture_kl_bound"),
    lambda ctx, inputs, output: ctx.save_for_backward(*inputs, *output[1:]),
    reference=_kl_bound_reference,
)
_library.register(
    "_mixture_kl_bound_backward",
    lambda *arguments: tuple(x.new_empty(x.shape) for x in arguments[3:9]),
)
