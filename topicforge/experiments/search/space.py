"""What a search may choose from: ranges of numbers and lists of values, by setting."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from topicforge.errors import InputError, UnknownNameError, did_you_mean
from topicforge.estimator.settings import GROUPS, flatten, tuples

_RANGE = ("low", "high", "step", "log")
_KEYS = (*_RANGE, "choices")


@dataclass(frozen=True)
class Numbers:
    """x in [low, high]; on the grid low + i step where there is a step; uniform in ln x where log.

    Args:
        low: smallest value.
        high: largest value.
        step: between two values; ``None`` for any, 1 among whole numbers.
        log: search evenly in the logarithm.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whole numbers: both bounds are."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def label(self, value: Any) -> Any:
        """Return what stands for a value in the journal, or ``None`` if it is not in the range."""
        kind = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kind):
            return None
        if not self.low <= value <= self.high:
            return None
        if self.step is not None:
            steps = (value - self.low) / self.step
            if abs(steps - round(steps)) > 1e-8:
                return None
        return value

    def value(self, label: Any) -> Any:
        """Return the setting that a journal's entry stands for."""
        return label

    def ends(self) -> tuple[Any, ...]:
        """Values that stand for all of them where a setting is checked."""
        return (self.low, self.high)


@dataclass(frozen=True)
class Choices:
    """One of a list of values.

    Args:
        values: the list; text, numbers, true or false, or lists of these.
    """

    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Text that stands for each value in the journal: itself, or JSON."""
        return tuple(_label(value) for value in self.values)

    def label(self, value: Any) -> Any:
        """Return what stands for a value in the journal, or ``None`` if it is not in the list."""
        try:
            wanted = _label(value)
        except TypeError:
            return None
        return wanted if wanted in self.labels else None

    def value(self, label: Any) -> Any:
        """Return the setting that a journal's entry stands for."""
        return self.values[self.labels.index(label)]

    def ends(self) -> tuple[Any, ...]:
        """Values that stand for all of them where a setting is checked."""
        return self.values


Axis = Numbers | Choices


def read_space(given: Any, where: str) -> dict[str, Axis]:
    """Return setting -> what it may be, names of parts first.

    Settings are written as in ``topicforge compare``: ``prior = {...}``, ``prior__variance = {...}``,
    ``"prior.variance" = {...}``, or a table ``[space.prior]`` of ``name`` and options; so are options of
    ``optimiser`` and the settings of ``training``.

    Args:
        given: the table.
        where: names it in an error.

    Raises:
        InputError: no table of settings; a setting twice, a range or a list that is none.
        UnknownNameError: an unknown key of a range.
    """
    if not isinstance(given, dict) or not given:
        raise InputError(
            f"{where}: space must be a table of at least one setting, "
            "learning_rate = {low = 1e-4, high = 1e-2, log = true} say; "
            f"got {given!r}"
        )
    read: dict[str, Any] = {}
    for key, value in given.items():
        if key in GROUPS and isinstance(value, dict) and not set(value) & {"low", "choices"}:
            read[key] = {
                option: _axis(inside, f"{where}: space.{key}.{option}")
                for option, inside in value.items()
            }
        else:
            read[key] = _axis(value, f"{where}: space.{key}")
    axes = flatten(read, f"{where}: space")
    order = {name: place for place, name in enumerate(("preset", *GROUPS))}
    return {name: axes[name] for name in sorted(axes, key=lambda name: order.get(name, len(order)))}


def _axis(given: Any, where: str) -> Axis:
    if not isinstance(given, Mapping):
        raise InputError(
            f"{where} must be a range {{low = ..., high = ...}} or a list {{choices = [...]}}, "
            f"got {given!r}; what stays the same goes into [settings]"
        )
    for key in given:
        if key not in _KEYS:
            raise UnknownNameError(
                f"{where}: there is no key {key!r}.{did_you_mean(key, _KEYS)} Keys: {', '.join(_KEYS)}"
            )
    if "choices" in given:
        return _choices(given, where)
    return _numbers(given, where)


def _choices(given: Mapping[str, Any], where: str) -> Choices:
    values = given["choices"]
    if len(given) > 1:
        raise InputError(
            f"{where}: choices stand alone, without {', '.join(set(given) - {'choices'})}"
        )
    if not isinstance(values, list) or not values:
        raise InputError(f"{where}: choices must be a list of at least one value, got {values!r}")
    try:
        choices = Choices(tuple(tuples(value) for value in values))
        labels = choices.labels
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: choices must be text, numbers or lists: {error}") from error
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"{where}: choices hold {label!r} twice; leave one out")
    return choices


def _numbers(given: Mapping[str, Any], where: str) -> Numbers:
    for key in ("low", "high"):
        if key not in given:
            raise InputError(f"{where} must have low and high, or choices; {key} is missing")
    for key in ("low", "high", "step"):
        value = given.get(key)
        if key == "step" and value is None:
            continue
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not math.isfinite(value)
        ):
            raise InputError(f"{where}: {key} must be a finite number, got {value!r}")
    low, high, step, log = (given.get(key) for key in _RANGE)
    assert low is not None
    assert high is not None
    if log not in (None, True, False):
        raise InputError(f"{where}: log must be true or false, got {log!r}")
    if low > high:
        raise InputError(f"{where}: low must be at most high, got {low!r} and {high!r}; swap them")
    if log and (low <= 0 or step is not None):
        raise InputError(
            f"{where}: log = true needs low above 0 and no step, got low = {low!r}, step = {step!r}"
        )
    whole = isinstance(low, int) and isinstance(high, int)
    if not whole:
        low, high = float(low), float(high)
    if step is not None:
        if step <= 0 or (whole and not isinstance(step, int)):
            kind = "a whole number above 0, as low and high are whole" if whole else "above 0"
            raise InputError(f"{where}: step must be {kind}, got {step!r}")
        last = low + math.floor((high - low) / step + 1e-8) * step
        if abs(last - high) > 1e-8 * max(1.0, abs(high)):
            raise InputError(
                f"{where}: steps of {step!r} from {low!r} must end at high = {high!r}, but end at {last!r}; "
                "write that"
            )
    return Numbers(low, high, step, bool(log))


def _label(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, allow_nan=False)
