"""Entry points of the group, found without letting one unreadable package hide the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import (
    Distribution,
    EntryPoint,
    PackageNotFoundError,
    distributions,
)
from importlib.metadata import (
    distribution as find_distribution,
)
from typing import Any, Protocol

from packaging.utils import canonicalize_name

from topicforge.contracts.api import PROJECT
from topicforge.errors import PluginError, did_you_mean
from topicforge.registry.policy import BUILTIN, BUILTIN_ENTRY

UNKNOWN = "unknown"


class EntryPointLike(Protocol):
    """What :class:`importlib.metadata.EntryPoint` offers and the registry needs."""

    @property
    def name(self) -> str:
        """The entry point's name."""

    @property
    def value(self) -> str:
        """``module`` or ``module:object``."""

    @property
    def dist(self) -> Any:
        """The distribution, with ``name`` and ``version``, or ``None``."""

    def load(self) -> Any:
        """Import and return the module."""


@dataclass(frozen=True)
class Declared:
    """One declaration of a plugin in the metadata of an installed distribution.

    Args:
        name: the entry point's.
        value: the module it names.
        distribution: the one that declares it, in normal form (lower case, hyphens).
        version: of the distribution.
        load: imports the module, or raises what is wrong with the metadata.
        shadowed_by: version of the copy of the same distribution that is found first; set on
            stale metadata, which is not loaded.
    """

    name: str
    value: str
    distribution: str
    version: str
    load: Callable[[], Any]
    shadowed_by: str = ""

    @classmethod
    def of(cls, point: EntryPointLike) -> Declared:
        """Read an entry point."""
        name, version = UNKNOWN, UNKNOWN
        if point.dist is not None:
            name, version = _identity(point.dist)
        return cls(point.name, point.value, name, version, point.load)

    @property
    def order(self) -> tuple[bool, str, str]:
        """The key to load by: built-ins first, since their short names can't be taken."""
        return self.distribution != BUILTIN, self.distribution, self.name


def installed(path: Sequence[str] | None = None) -> list[Declared]:
    """Return all declarations of the group, in the order to load them.

    ``importlib.metadata.entry_points`` raises for everybody where one package's entry points
    can't be parsed, hence distribution by distribution. The same copy found twice counts once;
    an older copy behind a newer one is marked as shadowed.

    Args:
        path: folders to search; ``None`` for ``sys.path``.

    Raises:
        PluginError: topicforge itself is not installed, so not even its own parts can be found.
    """
    where: dict[str, Any] = {} if path is None else {"path": list(path)}
    found: dict[tuple[str, str, str, str], Declared] = {}
    for distribution in distributions(**where):
        text = _entry_points_text(distribution)
        if f"[{PROJECT}]" not in text.replace(" ", ""):
            continue
        name, version = _identity(distribution)
        first = next(iter(distributions(name=name, **where)), distribution)
        first_version = _identity(first)[1]
        same = first_version == version and _entry_points_text(first) == text
        for declared in _declarations(distribution, name, version, "" if same else first_version):
            found.setdefault((name, version, declared.name, declared.value), declared)
    if not any(
        (d.distribution, d.name) == (BUILTIN, BUILTIN_ENTRY) and not d.shadowed_by
        for d in found.values()
    ):
        raise PluginError(
            "topicforge's own entry point was not found: its parts are plugins too, so "
            "the package must be installed; run `pip install -e .` in its folder "
            "(with --no-build-isolation, to keep the torch that is there)"
        )
    return sorted(found.values(), key=lambda declared: declared.order)


def why_absent(name: str) -> str:
    """Return why no plugin of a distribution was found, and what to do about it."""
    try:
        groups = sorted({point.group for point in find_distribution(name).entry_points})
    except PackageNotFoundError:
        known = sorted({declared.distribution for declared in installed()})
        return (
            f"no distribution called {name!r} is installed.{did_you_mean(name, known)} Those with a "
            f"plugin are {', '.join(known)}"
        )
    return (
        f"{name} is installed, but declares no entry point of the group {PROJECT!r} (its groups: "
        f"{', '.join(groups) or 'none'}); write [project.entry-points.{PROJECT}] into its "
        "pyproject.toml and install it again"
    )


def _declarations(
    distribution: Distribution, name: str, version: str, shadowed_by: str
) -> list[Declared]:
    try:
        points: list[EntryPoint] = list(distribution.entry_points.select(group=PROJECT))
    except Exception as error:  # whatever a malformed file makes of the parser
        reason = f"its entry_points.txt can't be read ({type(error).__name__}: {error})"
        return [Declared("?", "?", name, version, _raiser(reason), shadowed_by)]
    if name == UNKNOWN:
        reason = "its metadata has no name; install it again"
        return [Declared(p.name, p.value, name, version, _raiser(reason)) for p in points]
    return [Declared(p.name, p.value, name, version, p.load, shadowed_by) for p in points]


def _raiser(reason: str) -> Callable[[], Any]:
    def load() -> Any:
        raise PluginError(reason)

    return load


def _entry_points_text(distribution: Distribution) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except (OSError, UnicodeDecodeError):
        return ""


def _identity(distribution: Any) -> tuple[str, str]:
    """Normal name and version; a half-removed package may have lost either."""
    found = []
    for attribute in ("name", "version"):
        try:
            found.append(getattr(distribution, attribute) or UNKNOWN)
        except Exception:  # missing or damaged METADATA surfaces as TypeError, KeyError, ...
            found.append(UNKNOWN)
    return canonicalize_name(found[0]), found[1]
