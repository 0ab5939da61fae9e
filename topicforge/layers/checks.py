"""One way to reject an option's value."""

from __future__ import annotations

from typing import Any

from topicforge.errors import OptionError


def require(holds: bool, where: str, option: str, must: str, came: Any) -> None:
    """Raise :class:`OptionError` unless ``holds``.

    Args:
        holds: the condition.
        where: component, e.g. ``prior 'dirichlet'``.
        option: option's name.
        must: what the value must be, in words.
        came: the value that came.
    """
    if not holds:
        raise OptionError(f"{where}: option {option!r} must be {must}, got {came!r}")
