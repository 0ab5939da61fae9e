"""Dirichlet samples that don't underflow at small concentrations."""

import torch
from torch import Generator, Tensor

from topicforge.errors import InputError
from topicforge.ops import _library, reference
from topicforge.ops._arguments import check_no_gradient, harmonise, is_scripting, widen

_NAME = "sample_log_dirichlet"


def sample_log_dirichlet(
    concentration: Tensor,
    n: int,
    generator: Generator | None = None,
    impl: str = "auto",
) -> Tensor:
    """Log θ = log_softmax_k(log G_k + log(U_k) / α_k), G_k ~ Gamma(α_k + 1), U_k ~ U(0, 1].

    If G ~ Gamma(α + 1) then G U^(1/α) ~ Gamma(α); summed as logarithms nothing underflows, where
    float32 proportions at α ≤ 0.01 are mostly 0 and normalise to NaN.

    Args:
        concentration: (K,) α, each > 0 and finite; the sample has no gradient.
        n: number of samples, ≥ 0.
        generator: source of randomness on the device of ``concentration``; torch's default one
            where ``None``. Equal states give equal samples: one number is drawn from it as the seed
            of a Philox stream, from which both implementations, on every device and with any
            number of threads, make the same sample up to rounding.
        impl: "auto", "native" or "reference".

    Returns:
        (n, K) log-probabilities in the dtype of ``concentration``, at least float32; each row's
        logarithm of the sum of exponentials is 0.

    Raises:
        InputError: wrong kind or shape, a concentration that is not positive, a negative ``n``,
            or a concentration that requires a gradient.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: Marsaglia and Tsang 2000, section 6 (the boost to α + 1), in log space.
    """
    if is_scripting():
        alpha = widen(concentration)
        result: Tensor = torch.ops.topicforge.sample_log_dirichlet(
            alpha, n, _seed(alpha.device, generator)
        )
        return result
    else:
        return _sample_log_dirichlet(concentration, n, generator, impl)


def _seed(device: torch.device, generator: Generator | None) -> Tensor:
    """One number from the generator, left on the device: nothing waits for a GPU."""
    largest = 9223372036854775807  # 2^63 - 1; TorchScript takes powers for floats
    return torch.randint(largest, (1,), generator=generator, dtype=torch.int64, device=device)


def _sample_log_dirichlet(
    concentration: Tensor, n: int, generator: Generator | None, impl: str
) -> Tensor:
    (alpha,) = harmonise(_NAME, concentration=concentration)
    if alpha.dim() != 1 or alpha.shape[0] == 0:
        raise InputError(
            f"{_NAME}: concentration must have shape (K,), K ≥ 1, but has {tuple(alpha.shape)}"
        )
    check_no_gradient(
        _NAME,
        "concentration",
        alpha,
        "detach it, or draw from topicforge.distributions.Dirichlet, whose samples carry one",
    )
    if n < 0:
        raise InputError(f"{_NAME}: n must be ≥ 0, but is {n}")
    if not torch.compiler.is_compiling() and not bool(((alpha > 0) & alpha.isfinite()).all()):
        raise InputError(
            f"{_NAME}: every concentration must be positive and finite, but they run from "
            f"{float(alpha.min())} to {float(alpha.max())}"
        )
    seed = _seed(alpha.device, generator)
    if _library.serves(_NAME, impl, alpha.device.type):
        log_theta: Tensor = torch.ops.topicforge.sample_log_dirichlet(alpha, n, seed)
        return log_theta
    return reference.sample_log_dirichlet(alpha, n, seed)


def _fake(concentration: Tensor, n: int, seed: Tensor) -> Tensor:
    return concentration.new_empty(n, concentration.shape[0])


_library.register("sample_log_dirichlet", _fake)
