"""Which plugins to load, as environment variables say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from topicforge.errors import PluginError, did_you_mean

BUILTIN = "topicforge"
BUILTIN_ENTRY = "builtin"
STRICT = "TOPICFORGE_PLUGINS_STRICT"
ALLOW = "TOPICFORGE_PLUGINS_ALLOW"
BLOCK = "TOPICFORGE_PLUGINS_BLOCK"
_TRUTH = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


@dataclass(frozen=True)
class PluginPolicy:
    """Which plugins to load, and whether a broken one is an error.

    Args:
        strict: a broken plugin is an error (``TOPICFORGE_PLUGINS_STRICT=1``).
        allow: only these are loaded, by entry-point or distribution name; ``None`` for all
            (``TOPICFORGE_PLUGINS_ALLOW=a,b``; the empty string allows none but the built-in).
        block: these are not (``TOPICFORGE_PLUGINS_BLOCK=a,b``); it wins over ``allow``.
    """

    strict: bool = False
    allow: frozenset[str] | None = None
    block: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> PluginPolicy:
        """Read the three variables.

        Raises:
            PluginError: the built-in plugin is to be blocked, without which there is no component,
                or ``TOPICFORGE_PLUGINS_STRICT`` is neither 0 nor 1.
        """
        values = os.environ if environment is None else environment
        strict = values.get(STRICT, "").strip().lower()
        if strict not in _TRUTH:
            raise PluginError(f"{STRICT} must be 0 or 1, got {strict!r}")
        block = _names(values.get(BLOCK, ""))
        for name in (BUILTIN, BUILTIN_ENTRY):
            if name in block:
                raise PluginError(
                    f"{BLOCK}: the built-in plugin can't be blocked, because then there is no "
                    f"component at all; take {name!r} out of the variable"
                )
        allow = values.get(ALLOW)
        return cls(_TRUTH[strict], None if allow is None else _names(allow), block)

    def why_blocked(self, entry_point: str, distribution: str) -> tuple[str, str]:
        """Return why a plugin is not to be loaded and what to do, or two empty strings."""
        names = {canonicalize_name(entry_point), canonicalize_name(distribution)}
        if distribution == BUILTIN:
            return "", ""
        if names & self.block:
            return f"blocked by {BLOCK}", f"take it out of {BLOCK}"
        if self.allow is not None and not names & self.allow:
            return f"not among the plugins of {ALLOW}", f"add it to {ALLOW}"
        return "", ""

    def unmatched(self, known: Iterable[tuple[str, str]]) -> str:
        """Say which names of the variables match no installed plugin; empty if all do.

        Args:
            known: (entry point, distribution) of everything installed.
        """
        names = {canonicalize_name(name) for pair in known for name in pair}
        said = []
        for variable, given in ((ALLOW, self.allow or frozenset()), (BLOCK, self.block)):
            for name in sorted(given - names):
                said.append(f"{variable} names {name!r}, which no installed plugin is called.")
                said[-1] += did_you_mean(name, sorted(names))
        return " ".join(said)


def _names(text: str) -> frozenset[str]:
    return frozenset(canonicalize_name(name.strip()) for name in text.split(",") if name.strip())
