"""Divergence rules of several plugins in one table, without duplicates or ambiguity."""

from __future__ import annotations

from collections.abc import Sequence

from topicforge.contracts import RuleSpec
from topicforge.errors import PluginError
from topicforge.registry.rule_table import RuleTable


def merge_rules(known: RuleTable, new: Sequence[RuleSpec]) -> RuleTable:
    """Return a table of the known rules and a plugin's new ones.

    Raises:
        PluginError: a pair has a rule already, or a new rule and another both match some pair and
            neither is the more specific. Found here, it costs the newcomer its place; found at
            lookup, it would take a mix from someone who asked for neither.
    """
    table = RuleTable([*known, *new])
    rules = list(table)
    exact = {(spec.divergence, spec.posterior, spec.prior) for spec in rules}
    for spec in new:
        for other in rules:
            if other.divergence != spec.divergence:
                continue
            posterior = _narrower(spec.posterior, other.posterior)
            prior = _narrower(spec.prior, other.prior)
            if posterior is None or prior is None:
                continue
            if (spec.divergence, posterior, prior) not in exact:
                pair = f"({posterior.__name__}, {prior.__name__})"
                raise PluginError(
                    f"divergence rule {spec.divergence!r} for ({spec.posterior.__name__}, "
                    f"{spec.prior.__name__}): it matches {pair}, and so does the rule for "
                    f"({other.posterior.__name__}, {other.prior.__name__}) of {other.distribution}; "
                    f"neither is more specific, so register a rule for {pair} too"
                )
    return table


def _narrower(one: type, other: type) -> type | None:
    """The more specific of two types, ``None`` if neither is a subclass of the other."""
    if issubclass(one, other):
        return one
    return other if issubclass(other, one) else None
