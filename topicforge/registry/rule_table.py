"""The table (divergence, posterior type, prior type) -> rule.

As ``torch.distributions.kl`` does, the most specific pair by subclass wins; unlike it, a
duplicate or an ambiguity is an error, and nothing falls back to sampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from topicforge.contracts import RuleSpec
from topicforge.distributions import Distribution
from topicforge.errors import PluginError


def _covers(general: RuleSpec, special: RuleSpec) -> bool:
    return issubclass(special.posterior, general.posterior) and issubclass(
        special.prior, general.prior
    )


class RuleTable:
    """Rules of all divergences, by type pair."""

    def __init__(self, rules: Iterable[RuleSpec] = ()) -> None:
        self._rules: dict[tuple[str, type, type], RuleSpec] = {}
        for rule in rules:
            self.add(rule)

    def __iter__(self) -> Iterator[RuleSpec]:
        return iter(self._rules.values())

    def add(self, spec: RuleSpec) -> None:
        """Enter a rule.

        Raises:
            PluginError: the pair has a rule of this divergence already, or is not a pair of
                distribution types.
        """
        for side in (spec.posterior, spec.prior):
            if not (isinstance(side, type) and issubclass(side, Distribution)):
                raise PluginError(
                    f"divergence rule {spec.divergence!r}: both sides must be subclasses of "
                    f"topicforge.plugin.Distribution, got {side!r}"
                )
        key = (spec.divergence, spec.posterior, spec.prior)
        if key in self._rules:
            raise PluginError(
                f"divergence rule {spec.divergence!r} for ({spec.posterior.__name__}, "
                f"{spec.prior.__name__}): the pair has a rule already "
                f"({self._rules[key].rule.summary!r}); register for more specific types instead"
            )
        self._rules[key] = spec

    def lookup(
        self, divergence: str, posterior: type[Distribution], prior: type[Distribution]
    ) -> RuleSpec | None:
        """Return the most specific rule that covers the pair, or ``None``.

        Raises:
            PluginError: two rules cover the pair and neither is more specific.
        """
        found = [
            spec
            for (name, q, p), spec in self._rules.items()
            if name == divergence and issubclass(posterior, q) and issubclass(prior, p)
        ]
        best = [spec for spec in found if all(_covers(other, spec) for other in found)]
        if found and not best:
            pairs = ", ".join(f"({s.posterior.__name__}, {s.prior.__name__})" for s in found)
            raise PluginError(
                f"divergence {divergence!r} for ({posterior.__name__}, {prior.__name__}): the rules "
                f"for {pairs} all match and none is the most specific; register one for the exact pair"
            )
        return best[0] if best else None
