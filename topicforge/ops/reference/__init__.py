"""Plain PyTorch twins of the native operators: oracle of the tests, fallback without a library.

Each function takes the arguments of its twin in :mod:`topicforge.ops` without ``impl``, checks
nothing and casts nothing: the front doors do that once for both implementations.
"""

from topicforge.ops.reference.diffusion import diffusion_kernel, diffusion_mmd
from topicforge.ops.reference.mixture import (
    mixture_kl_bound,
    mixture_log_prob,
    mixture_responsibilities,
)

__all__ = [
    "diffusion_kernel",
    "diffusion_mmd",
    "mixture_kl_bound",
    "mixture_log_prob",
    "mixture_responsibilities",
]
