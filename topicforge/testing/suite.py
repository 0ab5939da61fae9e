"""What a check is, how it fails, and which checks a kind of component has to pass."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import SkipTest

from topicforge.registry.default import using
from topicforge.testing.specs import registry_for

Check = Callable[[Any], None]
_CHECKS: dict[str, tuple[Check, frozenset[str]]] = {}


class CheckError(AssertionError):
    """A component breaks a clause; the message says what it did, what must hold and what to change."""


class NotApplicable(SkipTest):
    """A check does not apply to this component here; pytest and unittest show it as skipped."""


def require(holds: bool, what: str, did: str, must: str, change: str) -> None:
    """Raise :class:`CheckError` unless ``holds``.

    Args:
        holds: the condition.
        what: the component, e.g. ``prior 'dirichlet'``.
        did: what it did.
        must: what must hold.
        change: what to do about it.
    """
    if not holds:
        raise CheckError(f"{what}: {did}, but {must}. To correct it: {change}.")


@contextmanager
def raising_nothing(what: str, doing: str, must: str, change: str) -> Iterator[None]:
    """Turn any exception inside the block into a :class:`CheckError`.

    Args:
        what: the component.
        doing: what raised, e.g. ``rsample(0)``.
        must: what must hold.
        change: what to do about it.
    """
    try:
        yield
    except (CheckError, NotApplicable):
        raise
    except Exception as error:
        did = f"{doing} raised {type(error).__name__}: {error}"
        raise CheckError(f"{what}: {did}, but {must}. To correct it: {change}.") from error


def check_for(*kinds: str) -> Callable[[Check], Check]:
    """Mark a function as a check of these kinds; its docstring is the clause that it enforces.

    A check runs with the built-ins and the component's own package alone, whatever else is installed.
    """

    def enter(function: Check) -> Check:
        @functools.wraps(function)
        def check(spec: Any) -> None:
            with using(registry_for(spec.distribution)):
                function(spec)

        assert function.__name__ not in _CHECKS, function.__name__
        assert inspect.getdoc(function), function.__name__
        _CHECKS[function.__name__] = (check, frozenset(kinds))
        return check

    return enter


def all_checks(kind: str | None = None) -> list[Check]:
    """Return the checks of one kind (``prior``, ``metric``, ``divergence_rule``, ...), or all."""
    return [check for check, kinds in _CHECKS.values() if kind is None or kind in kinds]


def checks_of(spec: Any) -> list[Check]:
    """Return the checks that a registered component has to pass."""
    return all_checks(spec.kind)


def kinds_of(check: Check) -> list[str]:
    """Return the kinds that a check applies to, sorted."""
    return sorted(_CHECKS[check.__name__][1])
