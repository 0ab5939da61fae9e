"""Where values may lie: z in R^L, log theta on the simplex."""

from __future__ import annotations

import torch
from torch import Tensor

from topicforge.testing.failure import require


def require_support(what: str, name: str, value: Tensor, space: str) -> None:
    """Raise CheckError unless values lie in their space.

    Args:
        what: the component.
        name: of the value.
        value: (..., L) z, or (..., K) log theta.
        space: ``z`` or ``theta``.
    """
    if space == "z":
        require(
            bool(torch.isfinite(value).all()), what, f"{name} is not finite",
            "z is a point of R^L", "bound what goes into exp, and divide by nothing that may be zero",
        )  # fmt: skip
        return
    total = value.logsumexp(-1)
    # K float32 shares summed: a few units in the last place each
    off = float(total.abs().max()) if value.numel() else 0.0
    require(
        off < 1e-4 and not bool(value.isnan().any()), what,
        f"exp of {name} sums to one up to {off:.2g} in the logarithm",
        "on the simplex values are handed on as log theta, whose exp sums to one",
        "end with torch.log_softmax(..., -1)",
    )  # fmt: skip
