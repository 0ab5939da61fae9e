"""How components reject an option's value: one sentence, whatever type came.

Plugin authors have them as ``topicforge.plugin.options``::

    self.scale = options.positive("prior 'wide'", "scale", scale)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from topicforge.errors import OptionError, UnknownNameError, did_you_mean

#: options that become float32 constants stay well inside what float32 holds
SMALLEST, LARGEST = 1e-30, 1e30


def require(holds: bool, where: str, option: str, must: str, came: Any) -> None:
    """Raise :class:`OptionError` unless ``holds``.

    Args:
        holds: the condition.
        where: component, e.g. ``prior 'dirichlet'``.
        option: option's name.
        must: what the value must be.
        came: the value that came.
    """
    if not holds:
        raise OptionError(f"{where}: option {option!r} must be {must}, got {came!r}")


def is_number(value: Any) -> bool:
    """True of every real number but bool; NaN and infinity are numbers too."""
    return isinstance(value, Real) and not isinstance(value, bool)


def number(where: str, option: str, value: Any) -> float:
    """Return ``value`` as float if it is a finite number, else raise OptionError."""
    require(is_number(value) and math.isfinite(value), where, option, "a finite number", value)
    return float(value)


def positive(where: str, option: str, value: Any) -> float:
    """Return ``value`` as float if it is a number from 1e-30 to 1e30, else raise OptionError."""
    holds = is_number(value) and SMALLEST <= value <= LARGEST
    require(holds, where, option, f"a number from {SMALLEST:g} to {LARGEST:g}", value)
    return float(value)


def between(where: str, option: str, value: Any, low: float, high: float) -> float:
    """Return ``value`` as float if it is a number in [low, high], else raise OptionError."""
    holds = is_number(value) and low <= value <= high
    require(holds, where, option, f"a number from {low:g} to {high:g}", value)
    return float(value)


def truth(where: str, option: str, value: Any) -> bool:
    """Return ``value`` if it is True or False, else raise OptionError."""
    require(isinstance(value, bool), where, option, "True or False", value)
    return bool(value)


def share(where: str, option: str, value: Any) -> float:
    """Return ``value`` as float if it is a number in [0, 1), else raise OptionError."""
    require(is_number(value) and 0 <= value < 1, where, option, "a number in [0, 1)", value)
    return float(value)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and is_number(value) and int(value) >= least


def whole(where: str, option: str, value: Any, least: int = 1) -> int:
    """Return ``value`` as int if it is a whole number >= ``least``, else raise OptionError."""
    require(_is_whole(value, least), where, option, f"a whole number, at least {least}", value)
    return int(value)


def widths(where: str, option: str, value: Any, least: int = 0) -> tuple[int, ...]:
    """Return layer widths as a tuple; one number stands for one layer.

    Raises:
        OptionError: not a sequence of positive whole numbers, or fewer than ``least``.
    """
    given = (value,) if is_number(value) else value
    holds = (
        isinstance(given, Sequence)
        and len(given) >= least
        and all(_is_whole(width, 1) for width in given)
    )
    must = "positive whole numbers, one per layer" + (f", at least {least}" if least else "")
    require(holds, where, option, must, value)
    return tuple(int(width) for width in given)


def one_of(where: str, option: str, value: Any, known: Sequence[str]) -> str:
    """Return ``value`` if it is in ``known``, else raise UnknownNameError with the nearest name."""
    if not isinstance(value, str) or value not in known:
        raise UnknownNameError(
            f"{where}: option {option!r} must be one of {', '.join(known)}, got {value!r}."
            + did_you_mean(value, known)
        )
    return value
