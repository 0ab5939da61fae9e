"""Checks of options: one sentence with the option, its domain and the value that came."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from topicforge.plugin import OptionError

WHERE = "decoder 'ecr'"


def refuse(option: str, must: str, came: Any) -> OptionError:
    """Return the error to raise: where, what the option must be, what came."""
    return OptionError(f"{WHERE}: option {option!r} must be {must}, got {came!r}")


def between(option: str, value: Any, low: float, high: float) -> float:
    """Return ``value`` as float if it is a number in [low, high], else raise OptionError."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not (number and low <= value <= high):
        raise refuse(option, f"a number from {low:g} to {high:g}", value)
    return float(value)


def whole(option: str, value: Any) -> int:
    """Return ``value`` as int if it is a whole number of at least 1, else raise OptionError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise refuse(option, "a whole number, at least 1", value)
    return int(value)


def truth(option: str, value: Any) -> bool:
    """Return ``value`` if it is True or False, else raise OptionError."""
    if not isinstance(value, bool):
        raise refuse(option, "True or False", value)
    return value


def shares(option: str, value: Any, n: int) -> list[float]:
    """Return ``value`` divided by its sum, equal shares for ``None``.

    Raises:
        OptionError: not n positive numbers.
    """
    if value is None:
        return [1 / n] * n
    holds = (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == n
        and all(isinstance(s, Real) and not isinstance(s, bool) for s in value)
        and all(1e-30 <= s <= 1e30 for s in value)
    )
    if not holds:
        raise refuse(option, f"{n} positive numbers, one a topic", value)
    total = float(sum(value))
    return [float(s) / total for s in value]
