"""The list of all checks, and which of them a kind of component has to pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from topicforge.testing.subject import Spec, SubjectKind, kind_of

Check = Callable[[Any], None]
C = TypeVar("C", bound=Callable[..., None])
_CHECKS: dict[str, tuple[Check, frozenset[str]]] = {}


def check_for(*kinds: SubjectKind) -> Callable[[C], C]:
    """Mark a function as a check of these kinds; its docstring is the clause it enforces."""

    def enter(function: C) -> C:
        name = function.__name__
        assert name not in _CHECKS, name
        assert inspect.getdoc(function), name
        _CHECKS[name] = (function, frozenset(kinds))
        return function

    return enter


def all_checks(kind: SubjectKind | None = None) -> list[Check]:
    """Return the checks of one kind, or all of them.

    Args:
        kind: encoder, link, prior, divergence, decoder, regulariser, callback, rule, preset or metric.
    """
    return [check for check, kinds in _CHECKS.values() if kind is None or kind in kinds]


def checks_of(spec: Spec) -> list[Check]:
    """Return the checks that a registered component has to pass."""
    return all_checks(kind_of(spec))


def kinds_of(check: Check) -> list[str]:
    """Return the kinds that a check applies to, sorted."""
    return sorted(_CHECKS[check.__name__][1])
