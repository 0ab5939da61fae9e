"""Declarations -> staged registrations and records, one at a time, nobody stopping anybody.

pluggy's own loader stops at the first ImportError, skips a second distribution with the same
entry-point name, and takes a misspelt hook until asked; so entry points are loaded here.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from topicforge.contracts.api import API_VERSION
from topicforge.errors import PluginError
from topicforge.registry.hooks import run_hooks
from topicforge.registry.metadata import UNKNOWN, Declared
from topicforge.registry.output import keeping_output
from topicforge.registry.record import PluginRecord
from topicforge.registry.staged import Staged
from topicforge.registry.switches import BUILTIN, Switches

#: a third-party plugin that takes longer gets a note in its record
SLOW_SECONDS = 2.0


class _WrongApiError(PluginError):
    """The module was written for another number of the contract."""


def discover(
    declared: Iterable[Declared], switches: Switches
) -> Iterator[tuple[PluginRecord, Staged | None]]:
    """Load plugins one by one; yield each record, with what it staged if all went well.

    A plugin may raise anything, ``SystemExit`` included, and only its own record says so. An
    interrupt from the keyboard passes, because nobody can tell a plugin's from the user's.
    """
    for plugin in declared:
        record = PluginRecord(
            plugin.name, plugin.distribution, plugin.version, plugin.value, "loaded"
        )
        if plugin.shadowed_by:
            yield _shadowed(record, plugin.shadowed_by), None
            continue
        error, advice = switches.why_blocked(plugin.name, plugin.distribution)
        if error:
            yield replace(record, status="blocked", error=error, advice=advice), None
            continue
        yield _load(plugin, record)


def _load(plugin: Declared, record: PluginRecord) -> tuple[PluginRecord, Staged | None]:
    staged = Staged(plugin.distribution, plugin.version)
    failure: BaseException | None = None
    began = time.perf_counter()
    with keeping_output(sys.stdout) as kept:
        try:
            module = plugin.load()
            _check_api(module)
            run_hooks(module, staged)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failure = error
    record = replace(record, output=kept.text, seconds=time.perf_counter() - began)
    if failure is not None:
        return _failed(record, failure), None
    brought = [f"{c.kind} {c.qualified_name}" for c in staged.components]
    brought += [f"preset {p.qualified_name}" for p in staged.presets]
    brought += [f"metric {m.qualified_name}" for m in staged.metrics]
    notes = _notes(record, staged)
    return replace(record, components=tuple(brought), rules=len(staged.rules), notes=notes), staged


def _check_api(module: Any) -> None:
    says = getattr(module, "TOPICFORGE_API", None)
    if type(says) is int and says == API_VERSION:
        return
    words = "says nothing of it" if says is None else f"says {says!r}"
    raise _WrongApiError(
        f"the plugin contract is number {API_VERSION}, but the module {words} (TOPICFORGE_API)"
    )


def _notes(record: PluginRecord, staged: Staged) -> tuple[str, ...]:
    notes = []
    if not (staged.components or staged.rules or staged.presets or staged.metrics):
        notes.append("its hooks registered nothing")
    if record.output.strip():
        notes.append("it printed while it loaded; the text is kept in its record")
    if record.seconds > SLOW_SECONDS and record.distribution != BUILTIN:
        notes.append(
            f"it took {record.seconds:.1f} s to load, and everyone waits for it; block it where it "
            "is not needed, or ask its authors to import heavy libraries where they are used"
        )
    return tuple(notes)


def _failed(record: PluginRecord, error: BaseException) -> PluginRecord:
    package = record.distribution
    report = f"report it to the authors of {package}"
    line = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, _WrongApiError):
        advice = (
            f"install a version of {package} that was written for contract {API_VERSION}; its "
            f"authors write TOPICFORGE_API = {API_VERSION} into {record.module}"
        )
        return replace(record, status="wrong-api", error=str(error), advice=advice)
    if isinstance(error, SystemExit):
        line, advice = f"it called sys.exit({error.code!r}) while it loaded", report
    elif isinstance(error, ImportError):
        # a module's name is mostly its package's, and says what to look for where it isn't
        missing = (error.name or "").partition(".")[0]
        advice = (
            f"install what is missing (pip install {missing})"
            if missing
            else "install what is missing"
        )
        if package != UNKNOWN:
            advice += f", or {package} again: pip install --force-reinstall {package}"
    elif isinstance(error, PluginError):
        line, advice = str(error), report
    else:
        advice = report
    text = "".join(traceback.format_exception(error))
    return replace(
        record, status="broken", error=" ".join(line.split()), advice=advice, traceback=text
    )


def _shadowed(record: PluginRecord, by: str) -> PluginRecord:
    return replace(
        record,
        status="duplicate",
        error=f"metadata of {record.distribution} {record.version} lies behind version {by}",
        advice=f"remove the older copy: pip uninstall {record.distribution} until it says that it "
        "is not installed, then install it again",
    )
