"""Front door of the maximum mean discrepancy with the diffusion kernel."""

from typing import Any

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library, reference
from topicforge.ops._arguments import fake_grad, is_scripting, widen
from topicforge.ops._diffusion_kernel import check_diffusion


def diffusion_mmd(
    log_q: Tensor, log_p: Tensor, t: float = 1.0, unbiased: bool = True, impl: str = "auto"
) -> Tensor:
    """MMD² = mean k(q, q′) + mean k(p, p′) − 2 mean k(q, p), k(q, p) = exp(−arccos²(√q · √p) / t).

    Unbiased means leave the diagonal out of the two within-sample means (weights
    1/(n(n−1)) and 1/(m(m−1))) and keep it in the cross mean (2/(nm)); the estimate can then be
    negative. Biased means keep every pair. The native operator makes value and gradients in one
    pass over tiles and never holds a matrix of n × m; the reference holds three.

    Args:
        log_q: log-probabilities (n, K) of the first sample, rows normalised; not checked.
        log_p: log-probabilities (m, K) of the second one; asks for no gradient, no work for it.
        t: diffusion time, > 0, no unit.
        unbiased: which estimate.
        impl: "auto", "native" or "reference".

    Returns:
        A scalar, in the common dtype of the arguments, at least float32.

    Raises:
        InputError: a shape, dtype or device does not fit; a sample is empty, or has one row
            where ``unbiased`` needs two.
        OptionError: ``t`` is not positive or ``impl`` is unknown.
        KernelUnavailableError: ``impl="native"`` without a native kernel for this call, or a
            second derivative of it.

    Source: Gretton et al. 2012, eqs. 3 and 5; survey eqs. 10 and 11 (Nan et al. 2019).
    """
    if is_scripting():
        value: Tensor = torch.ops.topicforge.diffusion_mmd(widen(log_q), widen(log_p), t, unbiased)
        return value
    else:
        return _diffusion_mmd(log_q, log_p, t, unbiased, impl)


def _diffusion_mmd(log_q: Tensor, log_p: Tensor, t: float, unbiased: bool, impl: str) -> Tensor:
    log_q, log_p = check_diffusion("diffusion_mmd", log_q, log_p, t)
    least = 2 if unbiased else 1
    for name, x in (("log_q", log_q), ("log_p", log_p)):
        if x.shape[0] < least:
            kind = "unbiased" if unbiased else "biased"
            raise InputError(
                f"diffusion_mmd: the {kind} estimate needs at least {least} rows, but {name} has "
                f"{x.shape[0]}; pass more documents" + (" or unbiased=False" if unbiased else "")
            )
    if not _library.serves("diffusion_mmd", impl, log_q.device.type):
        with torch.autocast(log_q.device.type, enabled=False):
            return reference.diffusion_mmd(log_q, log_p, t, unbiased)
    want_q, want_p = log_q.requires_grad, log_p.requires_grad
    value: Tensor
    if torch.is_grad_enabled() and (want_q or want_p):
        value, _, _ = torch.ops.topicforge._diffusion_mmd_grad(
            log_q, log_p, t, unbiased, want_q, want_p
        )
    else:
        value = torch.ops.topicforge.diffusion_mmd(log_q, log_p, t, unbiased)
    return value


def _fake(log_q: Tensor, log_p: Tensor, t: float = 1.0, unbiased: bool = True) -> Tensor:
    return log_q.new_empty(())


def _fake_grad(
    log_q: Tensor, log_p: Tensor, t: float, unbiased: bool, want_q: bool, want_p: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return log_q.new_empty(()), fake_grad(log_q, want_q), fake_grad(log_p, want_p)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    log_q, log_p, ctx.t, ctx.unbiased = inputs
    ctx.save_for_backward(log_q, log_p)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    # Reached when the operator itself is called (a scripted module): one more pass.
    log_q, log_p = ctx.saved_tensors
    want_q, want_p = ctx.needs_input_grad[:2]
    _, grad_q, grad_p = torch.ops.topicforge._diffusion_mmd_grad(
        log_q, log_p, ctx.t, ctx.unbiased, want_q, want_p
    )
    return grad * grad_q if want_q else None, grad * grad_p if want_p else None, None, None


def _setup_context_grad(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, _, _, _, ctx.want_q, ctx.want_p = inputs
    # Undefined gradients stay None, so that a second derivative, which arrives as a gradient of
    # an output that is a gradient already, can be told from none.
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*output[1:])


def _backward_grad(
    ctx: Any, grad: Tensor | None, *seconds: Tensor | None
) -> tuple[Tensor | None, ...]:
    if any(second is not None for second in seconds):
        raise _library.second_derivative_error("diffusion_mmd")
    grad_q, grad_p = ctx.saved_tensors
    if grad is None:
        return None, None, None, None, None, None
    scaled_q = grad * grad_q if ctx.want_q and ctx.needs_input_grad[0] else None
    scaled_p = grad * grad_p if ctx.want_p and ctx.needs_input_grad[1] else None
    return scaled_q, scaled_p, None, None, None, None


_library.register("diffusion_mmd", _fake, _backward, _setup_context)
_library.register("_diffusion_mmd_grad", _fake_grad, _backward_grad, _setup_context_grad)
