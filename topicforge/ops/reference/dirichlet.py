"""Dirichlet samples in log space."""

from math import pi

import torch
from torch import Tensor

from topicforge.ops.reference.philox import philox, uniform


def _attempt(alpha: Tensor, seed: Tensor, element: Tensor, attempt: int) -> tuple[Tensor, Tensor]:
    """Marsaglia and Tsang's proposal number ``attempt``: (is it accepted, its logarithm)."""
    d = alpha + 2.0 / 3.0
    c = 1.0 / (3.0 * d.sqrt())
    w = philox(seed, element, attempt, 0)
    x = (-2.0 * uniform(w[0], w[1]).log()).sqrt() * torch.cos(2.0 * pi * uniform(w[2], w[3]))
    root = 1.0 + c * x
    log_v = 3.0 * root.log()  # NaN where root < 0: the comparison below is then false
    w = philox(seed, element, attempt, 1)
    accepted = uniform(w[0], w[1]).log() < 0.5 * x.square() + d * (1.0 - root.pow(3) + log_v)
    return accepted, d.log() + log_v + uniform(w[2], w[3]).log() / alpha


def sample_log_dirichlet(concentration: Tensor, n: int, seed: Tensor) -> Tensor:
    """Log θ = log_softmax_k(log G_k + log(U_k) / α_k), G_k ~ Gamma(α_k + 1), U_k ~ U(0, 1).

    ``concentration`` α (K,), ``seed`` one int64 number → (n, K). If G ~ Gamma(α + 1) then
    G U^(1/α) ~ Gamma(α) (Marsaglia and Tsang 2000, section 6): a sum of logarithms can't
    underflow. Computed in float64. How many turns the rejection takes depends on the numbers
    drawn, so that torch.compile and torch.export keep the whole of it as one operator.
    """
    log_theta: Tensor = _operator(concentration, n, seed)
    return log_theta


def _sample(concentration: Tensor, n: int, seed: Tensor) -> Tensor:
    size = n * concentration.shape[0]
    alpha = concentration.detach().to(torch.float64).repeat(n)
    pending = torch.arange(size, device=alpha.device)
    result = torch.empty_like(alpha)
    attempt = 0
    while pending.numel():  # nineteen in twenty are accepted a turn
        accepted, value = _attempt(alpha[pending], seed, pending, attempt)
        result[pending[accepted]] = value[accepted]
        pending = pending[~accepted]
        attempt += 1
    log_theta = torch.log_softmax(result.view(n, concentration.shape[0]), dim=-1)
    return log_theta.to(concentration.dtype)


_operator = torch.library.custom_op(
    "topicforge::_sample_log_dirichlet_reference", _sample, mutates_args=()
)


@_operator.register_fake
def _fake(concentration: Tensor, n: int, seed: Tensor) -> Tensor:  # noqa: ARG001
    return concentration.new_empty(n, concentration.shape[0])
