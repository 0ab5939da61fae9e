"""Checks of options: one sentence with the option, its domain and the value that came."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from topicforge.plugin import OptionError


def one_of(where: str, option: str, value: Any, known: Sequence[str]) -> str:
    """Return ``value`` if it is in ``known``, else raise OptionError."""
    if not isinstance(value, str) or value not in known:
        raise OptionError(
            f"{where}: option {option!r} must be one of {', '.join(known)}, got {value!r}"
        )
    return value


def between(where: str, option: str, value: Any, low: float, high: float) -> float:
    """Return ``value`` as float if it is a number in [low, high], else raise OptionError."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not (number and low <= value <= high):
        raise OptionError(
            f"{where}: option {option!r} must be a number from {low:g} to {high:g}, got {value!r}"
        )
    return float(value)


def whole(where: str, option: str, value: Any) -> int:
    """Return ``value`` as int if it is a whole number of at least 1, else raise OptionError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise OptionError(
            f"{where}: option {option!r} must be a whole number, at least 1, got {value!r}"
        )
    return int(value)
