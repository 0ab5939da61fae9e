"""Entry points -> staged registrations and records, one at a time, nobody stopping anybody.

pluggy's own loader stops at the first ImportError, skips a second distribution with the same
entry-point name, and takes a misspelt hook until asked; so entry points are loaded here.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from topicforge.api import API_VERSION, PROJECT
from topicforge.errors import PluginError, did_you_mean
from topicforge.registry import hookspecs, register
from topicforge.registry.record import PluginRecord
from topicforge.registry.register import Staged

BUILTIN = "topicforge"
_PREFIX = "topicforge_"
_REGISTERS = {
    "topicforge_register_encoders": register.EncoderRegister,
    "topicforge_register_links": register.LinkRegister,
    "topicforge_register_priors": register.PriorRegister,
    "topicforge_register_divergences": register.DivergenceRegister,
    "topicforge_register_decoders": register.DecoderRegister,
    "topicforge_register_divergence_rules": register.RuleRegister,
    "topicforge_register_presets": register.PresetRegister,
    "topicforge_register_callbacks": register.CallbackRegister,
}


@dataclass(frozen=True)
class Switches:
    """What the environment says about plugins.

    Args:
        strict: a broken plugin is an error (``TOPICFORGE_PLUGINS_STRICT=1``).
        allow: only these are loaded, by entry-point or distribution name; ``None`` for all
            (``TOPICFORGE_PLUGINS_ALLOW=a,b``; the empty string allows none).
        block: these are not (``TOPICFORGE_PLUGINS_BLOCK=a,b``).
    """

    strict: bool = False
    allow: frozenset[str] | None = None
    block: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Switches:
        """Read the three variables.

        Raises:
            PluginError: the built-in plugin is to be blocked, without which there is no component.
        """
        allow, block = (
            environment.get(f"TOPICFORGE_PLUGINS_{name}") for name in ("ALLOW", "BLOCK")
        )
        blocked = _names(block or "")
        if BUILTIN in blocked or "builtin" in blocked:
            raise PluginError(
                "TOPICFORGE_PLUGINS_BLOCK: the built-in plugin can't be blocked, every component comes "
                f"from a plugin; take {BUILTIN!r} out of the variable"
            )
        return cls(
            environment.get("TOPICFORGE_PLUGINS_STRICT", "0") not in ("", "0"),
            None if allow is None else _names(allow),
            blocked,
        )

    def blocks(self, entry_point: str, distribution: str) -> bool:
        """True if a plugin is not to be loaded."""
        names = {entry_point, distribution}
        if distribution == BUILTIN:
            return False
        return bool(names & self.block) or (self.allow is not None and not names & self.allow)


def installed() -> list[EntryPoint]:
    """Return the entry points of the group, built-ins first, then by distribution and name.

    The same declaration found twice (a stale copy on the path) counts once.

    Raises:
        PluginError: topicforge itself is not installed, so not even its own parts can be found.
    """
    found = {(distribution_of(e)[0], e.name, e.value): e for e in entry_points(group=PROJECT)}
    if not any(distribution == BUILTIN for distribution, _, _ in found):
        raise PluginError(
            "topicforge's own entry point was not found: its parts are plugins like everyone's, so the "
            "package must be installed; run `pip install --no-build-isolation -e .` in its folder"
        )
    return [found[key] for key in sorted(found, key=lambda key: (key[0] != BUILTIN, key))]


def distribution_of(entry_point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that declares an entry point."""
    if entry_point.dist is None:
        return "unknown", "unknown"
    return entry_point.dist.name, entry_point.dist.version


def discover(
    points: Iterable[EntryPoint], switches: Switches
) -> Iterable[tuple[PluginRecord, Staged | None]]:
    """Load entry points one by one; yield each record, with what it staged if all went well."""
    for point in points:
        distribution, version = distribution_of(point)
        facts = (point.name, distribution, version, point.value)
        if switches.blocks(point.name, distribution):
            advice = "take it out of TOPICFORGE_PLUGINS_BLOCK, or into TOPICFORGE_PLUGINS_ALLOW"
            yield (
                PluginRecord(*facts, "blocked", error="blocked by the environment", advice=advice),
                None,
            )
            continue
        output, began = io.StringIO(), time.perf_counter()
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                module = point.load()
                seconds = time.perf_counter() - began
                api = getattr(module, "TOPICFORGE_API", None)
                if api != API_VERSION:
                    yield _wrong_api(facts, api, output.getvalue(), seconds), None
                    continue
                staged = Staged(distribution, version)
                _run_hooks(module, staged)
        except (Exception, SystemExit) as error:  # a plugin may do anything; a real Ctrl-C passes
            seconds = time.perf_counter() - began
            yield _broken(facts, error, output.getvalue(), seconds), None
            continue
        names = tuple(f"{c.kind} {c.qualified_name}" for c in staged.components)
        yield (
            PluginRecord(*facts, "loaded", names, output=output.getvalue(), seconds=seconds),
            staged,
        )


def _run_hooks(module: Any, staged: Staged) -> None:
    """Call every hook of a module with its register.

    Raises:
        PluginError: a misspelt or unmarked hook, or wrong arguments.
        Exception: whatever a hook raises.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    known = list(_REGISTERS)
    for name in sorted(vars(module) if isinstance(module, ModuleType) else dir(module)):
        if name.startswith(_PREFIX) and callable(getattr(module, name)):
            if name not in known:
                raise PluginError(f"{name} is not a hook of topicforge.{did_you_mean(name, known)}")
            if not hasattr(getattr(module, name), f"{PROJECT}_impl"):
                raise PluginError(f"{name} is not marked: put @topicforge.plugin.hookimpl above it")
    try:
        manager.register(module)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"a hook's arguments are wrong: {error}") from error
    ran = False
    for name, kind in _REGISTERS.items():
        if manager.get_plugins() and any(
            impl.plugin is module for impl in getattr(manager.hook, name).get_hookimpls()
        ):
            ran = True
            if inspect.iscoroutinefunction(getattr(module, name)):
                raise PluginError(f"{name} must be a plain function, not a coroutine")
            getattr(manager.hook, name)(register=kind(staged))
    if not ran:
        raise PluginError(
            f"the module implements no hook, so it brings nothing; hooks are {', '.join(known)}"
        )


def _wrong_api(
    facts: tuple[str, str, str, str], api: object, output: str, seconds: float
) -> PluginRecord:
    says = "says nothing of it" if api is None else f"says {api!r}"
    advice = (
        f"write TOPICFORGE_API = {API_VERSION} in {facts[3]}"
        if api is None
        else f"install a version of {facts[1]} for this topicforge, or another topicforge"
    )
    return PluginRecord(
        *facts, "wrong-api", advice=advice, output=output, seconds=seconds,
        error=f"the plugin contract is number {API_VERSION}, but the module {says}",
    )  # fmt: skip


def _broken(
    facts: tuple[str, str, str, str], error: BaseException, output: str, seconds: float
) -> PluginRecord:
    if isinstance(error, SystemExit):
        line, advice = f"it called sys.exit({error.code!r})", "report it to its authors"
    elif isinstance(error, ImportError):
        line, advice = (
            f"{type(error).__name__}: {error}",
            f"pip install --force-reinstall {facts[1]}",
        )
    elif isinstance(error, PluginError):
        line, advice = str(error), "report it to its authors; `topicforge.testing` checks it"
    else:
        line, advice = f"{type(error).__name__}: {error}", "report it to its authors"
    text = "".join(traceback.format_exception(error))
    return PluginRecord(
        *facts, "broken", error=" ".join(line.split()), advice=advice, traceback=text,
        output=output, seconds=seconds,
    )  # fmt: skip


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())
