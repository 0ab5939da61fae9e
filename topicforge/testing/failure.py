"""How a check says no, and how it says that it does not apply."""

from __future__ import annotations

from unittest import SkipTest


class CheckError(AssertionError):
    """A component breaks a clause; the message says what it did, what must hold and how to mend it."""


class NotApplicable(SkipTest):
    """A check has nothing to ask of this component here; pytest and unittest show it as skipped."""


def require(holds: bool, what: str, did: str, must: str, mend: str) -> None:
    """Raise :class:`CheckError` unless ``holds``.

    Args:
        holds: the condition.
        what: the component, e.g. ``prior 'dirichlet'``.
        did: what it did.
        must: what must hold.
        mend: what to do about it.
    """
    if not holds:
        raise CheckError(f"{what}: {did}, but {must}. To mend it: {mend}.")
