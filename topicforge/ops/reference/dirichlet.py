"""Dirichlet samples in log space."""

import torch
from torch import Tensor


def sample_log_dirichlet(
    concentration: Tensor, n: int, generator: torch.Generator | None
) -> Tensor:
    """Log θ = log_softmax_k(log G_k + log(U_k) / α_k), G_k ~ Gamma(α_k + 1), U_k ~ U(0, 1].

    ``concentration`` α (K,) → (n, K). If G ~ Gamma(α + 1) then G U^(1/α) ~ Gamma(α)
    (Marsaglia and Tsang 2000, section 6): the sum of logarithms can't underflow.
    """
    alpha = concentration.detach().expand(n, concentration.shape[0])
    gamma = torch._standard_gamma(alpha + 1.0, generator=generator)
    uniform = 1.0 - torch.rand(
        alpha.shape, dtype=alpha.dtype, device=alpha.device, generator=generator
    )
    return torch.log_softmax(gamma.log() + uniform.log() / alpha, dim=-1)
