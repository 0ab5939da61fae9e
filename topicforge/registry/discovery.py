"""Loads plugins one at a time; one that fails stops no other.

pluggy's own loader stops at the first ImportError and skips a second distribution with the same
entry-point name, so entry points are loaded here.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from topicforge.contracts.api import API_VERSION
from topicforge.errors import PluginError
from topicforge.registry.hook import call_hook
from topicforge.registry.kinds import NAMED
from topicforge.registry.metadata import UNKNOWN, Declared
from topicforge.registry.output import keeping_output
from topicforge.registry.policy import BUILTIN, PluginPolicy
from topicforge.registry.record import PluginRecord
from topicforge.registry.register import Register

#: a third-party plugin that takes longer gets a note in its record
SLOW_SECONDS = 2.0


class _WrongApiError(PluginError):
    """The module was written for another number of the contract."""


def discover(
    declared: Iterable[Declared], policy: PluginPolicy
) -> Iterator[tuple[PluginRecord, Register | None]]:
    """Load plugins one by one; yield each record, with what it registered if it loaded.

    A plugin may raise anything, ``SystemExit`` included; only its own record reports it. An
    interrupt from the keyboard is raised, because a plugin's can't be distinguished from the user's.
    """
    for plugin in declared:
        record = PluginRecord(
            plugin.name, plugin.distribution, plugin.version, plugin.value, "loaded"
        )
        if plugin.shadowed_by:
            yield _shadowed(record, plugin.shadowed_by), None
            continue
        error, advice = policy.why_blocked(plugin.name, plugin.distribution)
        if error:
            yield replace(record, status="blocked", error=error, advice=advice), None
            continue
        yield _load(plugin, record)


def _load(plugin: Declared, record: PluginRecord) -> tuple[PluginRecord, Register | None]:
    register = Register(plugin.distribution, plugin.version)
    failure: BaseException | None = None
    began = time.perf_counter()
    with keeping_output() as kept:
        try:
            module = plugin.load()
            _check_api(module)
            call_hook(module, register)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failure = error
    record = replace(record, output=kept.text, seconds=time.perf_counter() - began)
    if failure is not None:
        return _failed(record, failure), None
    named = [f"{s.kind} {s.qualified_name}" for s in register.specs if s.kind in NAMED]
    rules = len(register.specs) - len(named)
    notes = _notes(record, register)
    return replace(record, components=tuple(named), rules=rules, notes=notes), register


def _check_api(module: Any) -> None:
    stated = getattr(module, "TOPICFORGE_API", None)
    if type(stated) is int and stated == API_VERSION:
        return
    what = "does not state it" if stated is None else f"states {stated!r}"
    raise _WrongApiError(
        f"the plugin contract has number {API_VERSION}, but the module {what} (TOPICFORGE_API)"
    )


def _notes(record: PluginRecord, register: Register) -> tuple[str, ...]:
    notes = []
    if not register.specs:
        notes.append("its hook registered nothing")
    if record.output.strip():
        notes.append("it printed while it loaded; the text is kept in its record")
    if record.seconds > SLOW_SECONDS and record.distribution != BUILTIN:
        notes.append(
            f"it took {record.seconds:.1f} s to load, which delays every command; block it where it "
            "is not needed (its authors can import heavy libraries where they are used)"
        )
    return tuple(notes)


def _failed(record: PluginRecord, error: BaseException) -> PluginRecord:
    package = record.distribution
    line = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    advice = (
        f"this is an error in {package}: correct it if the package is yours, else report it there"
    )
    if isinstance(error, _WrongApiError):
        advice = (
            f"install a version of {package} that was written for contract {API_VERSION}; in its "
            f"source, {record.module} must state TOPICFORGE_API = {API_VERSION}"
        )
        return replace(record, status="wrong-api", error=str(error), advice=advice)
    if isinstance(error, SystemExit):
        line = f"it called sys.exit({error.code!r}) while it loaded"
    elif isinstance(error, ImportError):
        advice = _what_to_install(record, error.name or "")
    elif isinstance(error, PluginError):
        line = str(error)
    text = "".join(traceback.format_exception(error))
    return replace(
        record, status="broken", error=" ".join(line.split()), advice=advice, traceback=text
    )


def _what_to_install(record: PluginRecord, missing: str) -> str:
    package, module = record.distribution, record.module.partition(":")[0]
    again = "" if package == UNKNOWN else f"pip install --force-reinstall {package}"
    if missing and f"{module}.".startswith(f"{missing}."):
        return (
            f"the entry point {record.entry_point!r} names the module {module!r}, which does not "
            f"exist; correct [project.entry-points.topicforge] in the pyproject.toml of {package}, "
            "or install it again" + (f": {again}" if again else "")
        )
    # a module's name is mostly its package's
    named = f" (pip install {missing.partition('.')[0]})" if missing else ""
    return f"install what is missing{named}" + (f", or {package} again: {again}" if again else "")


def _shadowed(record: PluginRecord, by: str) -> PluginRecord:
    return replace(
        record,
        status="duplicate",
        error=f"metadata of {record.distribution} {record.version} lies behind version {by}",
        advice=f"remove the older copy: pip uninstall {record.distribution} until it says that it "
        "is not installed, then install it again",
    )
