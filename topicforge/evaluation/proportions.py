"""Rows of proportions (theta, topic_word): finite, not negative, each summing to one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError

# float16 keeps three digits; a sum of many rounded shares stays well within this
_TOLERANCE = 1e-2


def check_proportions(
    values: Any, *, where: str, name: str, rows: int | None = None, columns: int | None = None
) -> NDArray[np.floating[Any]]:
    """Return ``values`` as a floating-point array after checking that its rows are proportions.

    Args:
        values: (R, C) anything numpy can read.
        where: the caller's name, for messages.
        name: what the caller calls the values.
        rows: R, where known.
        columns: C, where known.

    Raises:
        InputError: not a matrix of numbers, another shape, NaN, infinite or negative values, or a
            row whose sum is not 1 within 1e-2.
    """
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged, or a tensor on a device
        raise InputError(f"{where}: {name} must be a matrix numpy can read: {error}") from error
    if array.ndim != 2 or array.dtype.kind not in "biuf" or 0 in array.shape:
        raise InputError(
            f"{where}: {name} must be a matrix of numbers with at least one row and column, "
            f"got shape {array.shape} of type {array.dtype}"
        )
    if rows not in (None, array.shape[0]) or columns not in (None, array.shape[1]):
        wanted = f"({'any' if rows is None else rows}, {'any' if columns is None else columns})"
        raise InputError(f"{where}: {name} must have shape {wanted}, got {array.shape}")
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.float64)
    wrong = np.flatnonzero(~(np.isfinite(array) & (array >= 0)).all(1))
    if wrong.size:
        raise InputError(
            f"{where}: {name} must hold finite proportions of zero or more; row {wrong[0]} does "
            f"not, nor {wrong.size - 1} other rows"
        )
    sums = array.sum(1, dtype=np.float64)
    off = np.flatnonzero(np.abs(sums - 1) > _TOLERANCE)
    if off.size:
        raise InputError(
            f"{where}: each row of {name} must sum to 1; row {off[0]} sums to {sums[off[0]]:.4g}, "
            f"{off.size} rows are off; divide each row by its sum"
        )
    return array
