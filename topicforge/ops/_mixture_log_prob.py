"""Front door of the log-likelihood of a Gaussian mixture."""

from typing import Any

import torch
from torch import Tensor

from topicforge.ops import _library, reference
from topicforge.ops._arguments import harmonise, is_scripting, widen
from topicforge.ops._mixture import check_mixture, check_points, check_weight


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
        return _mixture_log_prob(z, loc, log_var, log_weight, impl)


def _mixture_log_prob(
    z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor, impl: str
) -> Tensor:
    z, loc, log_var, log_weight = harmonise_mixture("mixture_log_prob", z, loc, log_var, log_weight)
    if _library.serves("mixture_log_prob", impl, z.device.type):
        if _keeps(z, loc, log_var, log_weight):
            kept: Tensor = _Kept.apply(z, loc, log_var, log_weight)  # type: ignore[no-untyped-call]
            return kept
        log_prob: Tensor = torch.ops.topicforge.mixture_log_prob(z, loc, log_var, log_weight)
        return log_prob
    return reference.mixture_log_prob(z, loc, log_var, log_weight)


def _keeps(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> bool:
    """Whether to keep q(c | z): if it is at most twice as large as z, and a gradient will be asked.

    Eager and on the CPU only; what is traced has the operator's own gradient.
    """
    return (
        loc.shape[0] <= 2 * loc.shape[1]
        and z.device.type == "cpu"
        and torch.is_grad_enabled()
        and (
            z.requires_grad
            or loc.requires_grad
            or log_var.requires_grad
            or log_weight.requires_grad
        )
        and not torch.compiler.is_compiling()
    )


class _Kept(torch.autograd.Function):
    """The native operator, with q(c | z) kept: the backward has no distance to take again."""

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


def harmonise_mixture(
    where: str, z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor
) -> list[Tensor]:
    """The four arguments in one dtype, after checking their shapes."""
    z, loc, log_var, log_weight = harmonise(
        where, z=z, loc=loc, log_var=log_var, log_weight=log_weight
    )
    check_mixture(where, ("loc", "log_var"), loc, log_var)
    check_weight(where, log_weight, loc)
    check_points(where, "z", z, "loc", loc)
    return [z, loc, log_var, log_weight]


def _fake(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    return z.new_empty(z.shape[0])


def _fake_backward(
    grad: Tensor, z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor, log_prob: Tensor
) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(x.shape) for x in (z, loc, log_var, log_weight))


def _fake_keep(
    z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor
) -> tuple[Tensor, Tensor]:
    return z.new_empty(z.shape[0]), z.new_empty(z.shape[0], loc.shape[0])


def _fake_kept_backward(
    grad: Tensor, z: Tensor, loc: Tensor, log_var: Tensor, shares: Tensor
) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(x.shape) for x in (z, loc, log_var, loc[:, 0]))


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
    grads: tuple[Tensor, ...] = torch.ops.topicforge._mixture_log_prob_backward(
        grad, *ctx.saved_tensors
    )
    return grads


_library.register("mixture_log_prob", _fake, _backward, _setup_context)
_library.register("_mixture_log_prob_backward", _fake_backward)
_library.register("_mixture_log_prob_keep", _fake_keep)
_library.register("_mixture_log_prob_kept_backward", _fake_kept_backward)
