"""Front door of the expected terms of the VaDE bound."""

from typing import Any

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library, reference
from topicforge.ops._arguments import harmonise, is_scripting, widen
from topicforge.ops._mixture import check_mixture, check_points, check_weight


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

    The terms of VaDE's bound that stand for KL(q(z, c | x) ‖ p(z, c)), a document, with
    η_c = q(c | z), the responsibilities of eq. 18 at the sample z, through which gradients
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

    Source: survey eqs. 17 and 18 (VaDE, Jiang et al. 2017, eqs. 12 and 16).
    """
    if is_scripting():
        outputs: tuple[Tensor, Tensor, Tensor] = torch.ops.topicforge.mixture_kl_bound(
            widen(loc), widen(log_var), widen(z),
            widen(mix_loc), widen(mix_log_var), widen(log_weight),
        )  # fmt: skip
        return outputs[0]
    else:
        return _mixture_kl_bound(loc, log_var, z, mix_loc, mix_log_var, log_weight, impl)


def _mixture_kl_bound(
    loc: Tensor,
    log_var: Tensor,
    z: Tensor,
    mix_loc: Tensor,
    mix_log_var: Tensor,
    log_weight: Tensor,
    impl: str,
) -> Tensor:
    where = "mixture_kl_bound"
    loc, log_var, z, mix_loc, mix_log_var, log_weight = harmonise(
        where, loc=loc, log_var=log_var, z=z,
        mix_loc=mix_loc, mix_log_var=mix_log_var, log_weight=log_weight,
    )  # fmt: skip
    check_mixture(where, ("mix_loc", "mix_log_var"), mix_loc, mix_log_var)
    check_weight(where, log_weight, mix_loc)
    for name, x in (("loc", loc), ("log_var", log_var), ("z", z)):
        check_points(where, name, x, "mix_loc", mix_loc)
        if x.shape[0] != z.shape[0]:
            raise InputError(
                f"{where}: loc, log_var and z must have as many rows, but {name} has {x.shape[0]} "
                f"and z {z.shape[0]}"
            )
    if _library.serves(where, impl, z.device.type):
        bound: Tensor
        bound, _, _ = torch.ops.topicforge.mixture_kl_bound(
            loc, log_var, z, mix_loc, mix_log_var, log_weight
        )
        return bound
    return reference.mixture_kl_bound(loc, log_var, z, mix_loc, mix_log_var, log_weight)


def _fake(
    loc: Tensor,
    log_var: Tensor,
    z: Tensor,
    mix_loc: Tensor,
    mix_log_var: Tensor,
    log_weight: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    return z.new_empty(z.shape[0]), z.new_empty(z.shape[0]), z.new_empty(z.shape[0])


def _fake_backward(
    grad: Tensor, grad_log_prob: Tensor, grad_gap: Tensor, *saved: Tensor
) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(x.shape) for x in saved[:6])


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs, *output[1:])


def _backward(ctx: Any, *grads_out: Tensor) -> tuple[Tensor, ...]:
    grads: tuple[Tensor, ...] = torch.ops.topicforge._mixture_kl_bound_backward(
        *grads_out, *ctx.saved_tensors
    )
    return grads


_library.register("mixture_kl_bound", _fake, _backward, _setup_context)
_library.register("_mixture_kl_bound_backward", _fake_backward)
