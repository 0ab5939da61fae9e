"""What the front doors of the three mixture operators share: the checks of a mixture."""

from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops._arguments import check_columns, check_matrix


def check_mixture(where: str, names: tuple[str, str], loc: Tensor, log_var: Tensor) -> None:
    """``loc`` (C, L), C and L at least 1, and ``log_var`` (C, L) or (C, 1)."""
    check_matrix(where, names[0], loc, "(C, L)")
    check_matrix(where, names[1], log_var, "(C, L) or (C, 1)")
    if 0 in loc.shape:
        raise InputError(
            f"{where}: {names[0]} must have C >= 1 components and L >= 1 dimensions, but has "
            f"shape {tuple(loc.shape)}"
        )
    if log_var.shape[0] != loc.shape[0] or log_var.shape[1] not in (1, loc.shape[1]):
        raise InputError(
            f"{where}: {names[1]} must have shape {tuple(loc.shape)} or ({loc.shape[0]}, 1), as "
            f"{names[0]} is {tuple(loc.shape)}, but has {tuple(log_var.shape)}"
        )


def check_weight(where: str, log_weight: Tensor, loc: Tensor) -> None:
    """``log_weight`` (C,), one a row of ``loc``."""
    if log_weight.shape != loc.shape[:1]:
        raise InputError(
            f"{where}: log_weight must have shape ({loc.shape[0]},), one weight a component, but "
            f"has {tuple(log_weight.shape)}"
        )


def check_points(where: str, name: str, z: Tensor, other: str, loc: Tensor) -> None:
    """``z`` (B, L) with as many columns as ``loc``."""
    check_matrix(where, name, z, "(B, L)")
    check_columns(where, name, z, other, loc, "L")
