"""Front door of the responsibilities of a Gaussian mixture."""

from typing import Any

import torch
from torch import Tensor

from topicforge.ops import _library, reference
from topicforge.ops._arguments import is_scripting, widen
from topicforge.ops._mixture_log_prob import harmonise_mixture


def mixture_responsibilities(
    z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor, impl: str = "auto"
) -> Tensor:
    """q(c | z_b) = π_c N(z_b; μ_c, σ²_c) / Σ_c′ π_c′ N(z_b; μ_c′, σ²_c′), by log-sum-exp.

    Args:
        z: points (B, L).
        loc: means μ (C, L).
        log_var: log σ², diagonal (C, L) or isotropic (C, 1).
        log_weight: log π (C,); −∞ for a component of weight 0, but not for all of them.
        impl: "auto", "native" or "reference".

    Returns:
        Rows that sum to 1 (B, C), in the common dtype of the arguments, at least float32.
        Gradients reach all four arguments.

    Raises:
        InputError: a shape, dtype or device does not fit.
        OptionError: ``impl`` is unknown.
        KernelUnavailableError: ``impl="native"`` without a native kernel for this call.

    Source: survey eq. 18 (VaDE, Jiang et al. 2017, eq. 16).
    """
    if is_scripting():
        result: Tensor = torch.ops.topicforge.mixture_responsibilities(
            widen(z), widen(loc), widen(log_var), widen(log_weight)
        )
        return result
    else:
        return _mixture_responsibilities(z, loc, log_var, log_weight, impl)


def _mixture_responsibilities(
    z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor, impl: str
) -> Tensor:
    z, loc, log_var, log_weight = harmonise_mixture(
        "mixture_responsibilities", z, loc, log_var, log_weight
    )
    if _library.serves("mixture_responsibilities", impl, z.device.type):
        matrix: Tensor = torch.ops.topicforge.mixture_responsibilities(z, loc, log_var, log_weight)
        return matrix
    return reference.mixture_responsibilities(z, loc, log_var, log_weight)


def _fake(z: Tensor, loc: Tensor, log_var: Tensor, log_weight: Tensor) -> Tensor:
    return z.new_empty(z.shape[0], loc.shape[0])


def _fake_backward(
    grad: Tensor, z: Tensor, loc: Tensor, log_var: Tensor, responsibilities: Tensor
) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(x.shape) for x in (z, loc, log_var, loc[:, 0]))


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3], output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
    grads: tuple[Tensor, ...] = torch.ops.topicforge._mixture_responsibilities_backward(
        grad, *ctx.saved_tensors
    )
    return grads


_library.register("mixture_responsibilities", _fake, _backward, _setup_context)
_library.register("_mixture_responsibilities_backward", _fake_backward)
