"""Front door of the diffusion kernel matrix."""

from typing import Any

import torch
from torch import Tensor

from topicforge.errors import InputError, OptionError
from topicforge.ops import _library, reference
from topicforge.ops._arguments import (
    check_columns,
    check_matrix,
    fake_grad,
    harmonise,
    is_scripting,
    widen,
)


def diffusion_kernel(log_q: Tensor, log_p: Tensor, t: float = 1.0, impl: str = "auto") -> Tensor:
    """k(q_i, p_j) = exp(−arccos²(Σ_k √(q_ik p_jk)) / t), the information-diffusion kernel.

    The gradient is finite and right where q_i = p_j (the slope of arccos² at 1 is −2), where a
    component is 0 (log-probability −∞; its gradient is 0) and where a row is one-hot.

    Args:
        log_q: log-probabilities (n, K), rows normalised (``log_softmax``); not checked.
        log_p: log-probabilities (m, K), likewise.
        t: diffusion time, > 0, no unit; it divides the squared angle inside the exponent.
        impl: "auto", "native" or "reference".

    Returns:
        The kernel matrix (n, m), in the common dtype of the arguments, at least float32.

    Raises:
        InputError: a shape, dtype or device does not fit.
        OptionError: ``t`` is not positive or ``impl`` is unknown.
        KernelUnavailableError: ``impl="native"`` without a native kernel for this call.

    Source: Lebanon and Lafferty 2002, information diffusion kernels; survey eq. 11.
    """
    if is_scripting():
        matrix: Tensor = torch.ops.topicforge.diffusion_kernel(widen(log_q), widen(log_p), t)
        return matrix
    else:
        return _diffusion_kernel(log_q, log_p, t, impl)


def _diffusion_kernel(log_q: Tensor, log_p: Tensor, t: float, impl: str) -> Tensor:
    log_q, log_p = check_diffusion("diffusion_kernel", log_q, log_p, t)
    if _library.serves("diffusion_kernel", impl, log_q.device.type):
        matrix: Tensor = torch.ops.topicforge.diffusion_kernel(log_q, log_p, t)
        return matrix
    with torch.autocast(log_q.device.type, enabled=False):
        return reference.diffusion_kernel(log_q, log_p, t)


def check_diffusion(where: str, log_q: Tensor, log_p: Tensor, t: float) -> list[Tensor]:
    """Both samples in one dtype, after checking shapes and t."""
    log_q, log_p = harmonise(where, log_q=log_q, log_p=log_p)
    check_matrix(where, "log_q", log_q, "(n, K)")
    check_matrix(where, "log_p", log_p, "(m, K)")
    check_columns(where, "log_q", log_q, "log_p", log_p, "K")
    if log_q.shape[1] == 0:
        raise InputError(f"{where}: log_q and log_p must have K >= 1 columns, but have none")
    if not 0.0 < t < float("inf"):
        raise OptionError(f"{where}: t must be positive and finite, but is {t}; the usual t is 1")
    return [log_q, log_p]


def _fake(log_q: Tensor, log_p: Tensor, t: float = 1.0) -> Tensor:
    return log_q.new_empty(log_q.shape[0], log_p.shape[0])


def _fake_backward(
    grad: Tensor, log_q: Tensor, log_p: Tensor, t: float, want_q: bool, want_p: bool
) -> tuple[Tensor, Tensor]:
    return fake_grad(log_q, want_q), fake_grad(log_p, want_p)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    log_q, log_p, ctx.t = inputs
    ctx.save_for_backward(log_q, log_p)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    log_q, log_p = ctx.saved_tensors
    want_q, want_p = ctx.needs_input_grad[:2]
    grad_q, grad_p = torch.ops.topicforge._diffusion_kernel_backward(
        grad, log_q, log_p, ctx.t, want_q, want_p
    )
    return grad_q if want_q else None, grad_p if want_p else None, None


_library.register("diffusion_kernel", _fake, _backward, _setup_context)
_library.register("_diffusion_kernel_backward", _fake_backward)
