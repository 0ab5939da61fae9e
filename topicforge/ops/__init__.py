"""The operators in which training spends its time: one function each, native where there is a library.

Every function takes ``impl="auto" | "native" | "reference"``: ``reference`` is plain PyTorch,
``native`` the compiled kernel or an error, ``auto`` the kernel where one serves the call and the
reference elsewhere. :func:`kernels_report` says what is in use and why.
Importing this package imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = [
    "build_kernels",
    "diffusion_kernel",
    "diffusion_mmd",
    "implementation",
    "kernels_report",
    "mixture_kl_bound",
    "mixture_log_prob",
    "mixture_responsibilities",
    "product_multinomial_nll",
    "sparse_linear",
    "sparse_multinomial_nll",
]

if TYPE_CHECKING:
    from topicforge.ops._adam_rows import adam_rows as adam_rows
    from topicforge.ops._build import build_kernels
    from topicforge.ops._diffusion import diffusion_kernel, diffusion_mmd
    from topicforge.ops._library import implementation, kernels_report
    from topicforge.ops._mixture import (
        mixture_kl_bound,
        mixture_log_prob,
        mixture_responsibilities,
    )
    from topicforge.ops._product_multinomial_nll import product_multinomial_nll
    from topicforge.ops._sparse_linear import sparse_linear
    from topicforge.ops._sparse_multinomial_nll import sparse_multinomial_nll

# Modules begin with an underscore: a module topicforge.ops.x would, once imported,
# shadow the function topicforge.ops.x.
_HOMES = {
    "adam_rows": "_adam_rows",  # the optimiser's: it writes to its arguments, and no graph may hold it
    "build_kernels": "_build",
    "diffusion_kernel": "_diffusion",
    "diffusion_mmd": "_diffusion",
    "implementation": "_library",
    "kernels_report": "_library",
    "mixture_kl_bound": "_mixture",
    "mixture_log_prob": "_mixture",
    "mixture_responsibilities": "_mixture",
    "product_multinomial_nll": "_product_multinomial_nll",
    "sparse_linear": "_sparse_linear",
    "sparse_multinomial_nll": "_sparse_multinomial_nll",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
