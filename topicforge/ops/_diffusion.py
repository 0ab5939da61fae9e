"""The information-diffusion kernel between samples on the simplex, and the MMD with it."""

from math import comb
from typing import Any

import torch
from torch import Tensor

from topicforge.errors import InputError, OptionError
from topicforge.ops import _library
from topicforge.ops._arguments import check_shapes, gradients_like, harmonise, is_scripting, widen


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

    Source: Lebanon and Lafferty 2002, information diffusion kernels; Zhang, survey, eq. 11.
    """
    if is_scripting():
        matrix: Tensor = torch.ops.topicforge.diffusion_kernel(widen(log_q), widen(log_p), t)
        return matrix
    else:
        return _diffusion_kernel(log_q, log_p, t, impl)


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
        log_p: log-probabilities (m, K) of the second one; costs less where it requires no gradient.
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

    Source: Gretton et al. 2012, eqs. 3 and 5; Nan et al. 2019; Zhang, survey, eqs. 10 and 11.
    """
    if is_scripting():
        value: Tensor = torch.ops.topicforge.diffusion_mmd(widen(log_q), widen(log_p), t, unbiased)
        return value
    else:
        return _diffusion_mmd(log_q, log_p, t, unbiased, impl)


def _checked(where: str, log_q: Tensor, log_p: Tensor, t: float) -> list[Tensor]:
    log_q, log_p = harmonise(where, log_q=log_q, log_p=log_p)
    check_shapes(where, log_q=(log_q, "nK"), log_p=(log_p, "mK"))
    if log_q.shape[1] == 0:
        raise InputError(f"{where}: log_q and log_p must have K >= 1 columns, but have none")
    if not 0.0 < t < float("inf"):
        raise OptionError(f"{where}: t must be positive and finite, but is {t}; the usual t is 1")
    return [log_q, log_p]


def _diffusion_kernel(log_q: Tensor, log_p: Tensor, t: float, impl: str) -> Tensor:
    log_q, log_p = _checked("diffusion_kernel", log_q, log_p, t)
    if _library.serves("diffusion_kernel", impl, log_q.device.type):
        matrix: Tensor = torch.ops.topicforge.diffusion_kernel(log_q, log_p, t)
        return matrix
    with torch.autocast(log_q.device.type, enabled=False):
        return _kernel_reference(log_q, log_p, t)


def _diffusion_mmd(log_q: Tensor, log_p: Tensor, t: float, unbiased: bool, impl: str) -> Tensor:
    log_q, log_p = _checked("diffusion_mmd", log_q, log_p, t)
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
            return _mmd_reference(log_q, log_p, t, unbiased)
    want_q, want_p = log_q.requires_grad, log_p.requires_grad
    value: Tensor
    if torch.is_grad_enabled() and (want_q or want_p):
        value, _, _ = torch.ops.topicforge._diffusion_mmd_grad(
            log_q, log_p, t, unbiased, want_q, want_p
        )
    else:
        value = torch.ops.topicforge.diffusion_mmd(log_q, log_p, t, unbiased)
    return value


# arccos²(1 − y) = Σ_{n≥1} 2 (2y)ⁿ / (n² C(2n, n)); the slope's term n is about (y/2)ⁿ, so
# below y = 0.01 eight terms are exact in float64.
_NEAR = 0.01
_SLOPES = [-2.0 * 2.0**n / (n * comb(2 * n, n)) for n in range(1, 9)]


def _slope(x: Tensor) -> Tensor:
    """−2 arccos(x) / √(1 − x²) = d arccos²(x) / dx, which is −2 at x = 1."""
    y = 1.0 - x
    near = y < _NEAR
    # Each branch is fed harmless values where the other one counts: a NaN in a branch that is
    # not selected would still poison a gradient, through 0 · NaN.
    y_near = torch.where(near, y, 0.0)
    y_far = torch.where(near, 1.0, y)
    series = torch.full_like(y, _SLOPES[-1])
    for coefficient in reversed(_SLOPES[:-1]):
        series = series * y_near + coefficient
    exact = -2.0 * torch.acos(1.0 - y_far) * torch.rsqrt(y_far * (2.0 - y_far))
    return torch.where(near, series, exact)


class _SquaredArccos(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.acos(x.clamp(max=1.0)).square_()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * _slope(x)


def _kernel_reference(log_q: Tensor, log_p: Tensor, t: float) -> Tensor:
    """√q = exp(½ log q), so that a component of probability 0 has gradient 0 and not 0 · ∞.

    Differentiating ``acos(x) ** 2`` gives ∞ · 0 = NaN at x = 1, and a clamp before it a slope of
    0, so the slope has a formula of its own, -2 at x = 1; it can be differentiated again. An x that rounding
    has pushed above 1 counts as 1.
    """
    affinity = torch.exp(0.5 * log_q) @ torch.exp(0.5 * log_p).T  # (n, K) @ (K, m) = (n, m)
    squared_angle: Tensor = _SquaredArccos.apply(affinity)  # type: ignore[no-untyped-call]
    return torch.exp(squared_angle / (-t))


def _mmd_reference(log_q: Tensor, log_p: Tensor, t: float, unbiased: bool) -> Tensor:
    n, m = log_q.shape[0], log_p.shape[0]
    within_q, within_p = _kernel_reference(log_q, log_q, t), _kernel_reference(log_p, log_p, t)
    cross = _kernel_reference(log_q, log_p, t).mean()
    if not unbiased:
        return within_q.mean() + within_p.mean() - 2.0 * cross
    sum_q = within_q.sum() - within_q.diagonal().sum()
    sum_p = within_p.sum() - within_p.diagonal().sum()
    return sum_q / (n * (n - 1)) + sum_p / (m * (m - 1)) - 2.0 * cross


def _setup_kernel(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    log_q, log_p, ctx.t = inputs
    ctx.save_for_backward(log_q, log_p)


def _backward_kernel(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wants = ctx.needs_input_grad[:2]
    grads = torch.ops.topicforge._diffusion_kernel_backward(grad, *ctx.saved_tensors, ctx.t, *wants)
    return *_library.wanted(grads, wants), None


def _setup_mmd(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    log_q, log_p, ctx.t, ctx.unbiased = inputs
    ctx.save_for_backward(log_q, log_p)


def _backward_mmd(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    # Reached when the operator itself is called (a scripted module): one more pass.
    log_q, log_p = ctx.saved_tensors
    want_q, want_p = ctx.needs_input_grad[:2]
    _, grad_q, grad_p = torch.ops.topicforge._diffusion_mmd_grad(
        log_q, log_p, ctx.t, ctx.unbiased, want_q, want_p
    )
    return grad * grad_q if want_q else None, grad * grad_p if want_p else None, None, None


def _setup_mmd_grad(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, _, _, _, ctx.want_q, ctx.want_p = inputs
    # Undefined gradients stay None, so that a second derivative, which arrives as a gradient of
    # an output that is a gradient already, can be told from none.
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*output[1:])


def _backward_mmd_grad(
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


_library.register(
    "diffusion_kernel",
    lambda log_q, log_p, t=1.0: log_q.new_empty(log_q.shape[0], log_p.shape[0]),
    _backward_kernel,
    _setup_kernel,
    reference=_kernel_reference,
)
_library.register(
    "_diffusion_kernel_backward",
    lambda grad, log_q, log_p, t, *wants: gradients_like((log_q, log_p), wants),
)
_library.register(
    "diffusion_mmd",
    lambda log_q, log_p, t=1.0, unbiased=True: log_q.new_empty(()),
    _backward_mmd,
    _setup_mmd,
    reference=_mmd_reference,
)
_library.register(
    "_diffusion_mmd_grad",
    lambda log_q, log_p, t, unbiased, *wants: (
        log_q.new_empty(()),
        *gradients_like((log_q, log_p), wants),
    ),
    _backward_mmd_grad,
    _setup_mmd_grad,
)
