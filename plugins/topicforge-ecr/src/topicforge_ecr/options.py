"""The one option whose domain is this package's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from topicforge.plugin import OptionError, options

WHERE = "decoder 'ecr'"


def refuse(option: str, must: str, came: Any) -> OptionError:
    """Return the error to raise: where, what the option must be, what came."""
    return OptionError(f"{WHERE}: option {option!r} must be {must}, got {came!r}")


def shares(option: str, value: Any, n: int) -> list[float]:
    """Return ``value`` divided by its sum, equal shares for ``None``.

    Raises:
        OptionError: not n positive numbers.
    """
    if value is None:
        return [1 / n] * n
    holds = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == n
    options.require(holds, WHERE, option, f"{n} positive numbers, one a topic", value)
    checked = [options.positive(WHERE, option, share) for share in value]
    return [share / sum(checked) for share in checked]
