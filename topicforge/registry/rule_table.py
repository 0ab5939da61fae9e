"""The table (divergence, posterior type, prior type) -> rule.

As in ``torch.distributions.kl``, the most specific pair by subclass wins; unlike there, a
duplicate or an ambiguity is an error, and nothing falls back to sampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from topicforge.contracts import RuleSpec
from topicforge.distributions import Distribution
from topicforge.errors import PluginError


def _pair(posterior: type, prior: type) -> str:
    return f"({posterior.__name__}, {prior.__name__})"


class RuleTable:
    """Rules of all divergences, by pair of types.

    Raises:
        PluginError: a pair has two rules of one divergence, or two rules match some pair and
            neither is the more specific.
    """

    def __init__(self, rules: Iterable[RuleSpec] = ()) -> None:
        self._rules: dict[tuple[str, type, type], RuleSpec] = {}
        for spec in rules:
            key = (spec.divergence, spec.posterior, spec.prior)
            if key in self._rules:
                raise PluginError(
                    f"divergence rule {spec.divergence!r} for {_pair(*key[1:])}: the pair has a rule "
                    f"already ({self._rules[key].rule.summary!r}); register for more specific types "
                    "instead"
                )
            self._rules[key] = spec
        # found here, an ambiguity costs its plugin; found at lookup, it would cost someone's model
        known = list(self)
        for number, spec in enumerate(known):
            for earlier in known[:number]:
                self._check_order(spec, earlier)

    def __iter__(self) -> Iterator[RuleSpec]:
        return iter(self._rules.values())

    def _check_order(self, spec: RuleSpec, earlier: RuleSpec) -> None:
        posterior = _narrower(spec.posterior, earlier.posterior)
        prior = _narrower(spec.prior, earlier.prior)
        if spec.divergence != earlier.divergence or posterior is None or prior is None:
            return
        if (spec.divergence, posterior, prior) not in self._rules:
            pair = _pair(posterior, prior)
            raise PluginError(
                f"divergence rule {spec.divergence!r} for {_pair(spec.posterior, spec.prior)}: it "
                f"matches {pair}, and so does the rule for {_pair(earlier.posterior, earlier.prior)} "
                f"of {earlier.distribution}; neither is more specific, so register a rule for {pair} "
                "too"
            )

    def lookup(
        self, divergence: str, posterior: type[Distribution], prior: type[Distribution]
    ) -> RuleSpec | None:
        """Return the most specific rule that covers the pair, or ``None``.

        Raises:
            PluginError: two rules cover the pair and neither is more specific, which a table can
                only find here where a type has several base classes.
        """
        found = [
            spec
            for (name, q, p), spec in self._rules.items()
            if name == divergence and issubclass(posterior, q) and issubclass(prior, p)
        ]
        for spec in found:
            if all(
                issubclass(spec.posterior, o.posterior) and issubclass(spec.prior, o.prior)
                for o in found
            ):
                return spec
        if found:
            pairs = ", ".join(_pair(spec.posterior, spec.prior) for spec in found)
            raise PluginError(
                f"divergence {divergence!r} for {_pair(posterior, prior)}: the rules for {pairs} all "
                "match and none is the most specific; register one for the exact pair"
            )
        return None


def _narrower(one: type, other: type) -> type | None:
    """The more specific of two types, ``None`` if neither is a subclass of the other."""
    if issubclass(one, other):
        return one
    return other if issubclass(other, one) else None
