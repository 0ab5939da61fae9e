"""What is wrong with the plugins that are installed, and what to do about each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlparse

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from topicforge.errors import UnknownNameError
from topicforge.registry.metadata import why_absent
from topicforge.registry.policy import BUILTIN
from topicforge.registry.record import PluginRecord
from topicforge.registry.registry import Registry

Severity = Literal["broken", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing to know about one plugin.

    Args:
        severity: ``broken``: it does not work; ``warning``: it works, with a surprise;
            ``note``: it is blocked on purpose.
        plugin: ``distribution:entry_point``.
        version: of the distribution.
        what: what is the matter, and where.
        todo: what to do.
    """

    severity: Severity
    plugin: str
    version: str
    what: str
    todo: str


def examine(registry: Registry, name: str | None = None) -> list[Finding]:
    """Look at every plugin, or at one.

    Args:
        registry: loaded.
        name: a distribution, an entry point, or ``distribution:entry_point``; ``None`` for all.

    Returns:
        Findings, what is broken first; none where everything is well.

    Raises:
        UnknownNameError: nothing of that name is installed.
    """
    found = [finding for record in chosen(registry, name) for finding in _of(record)]
    order = ("broken", "warning", "note")
    return sorted(found, key=lambda finding: order.index(finding.severity))


def chosen(registry: Registry, name: str | None) -> list[PluginRecord]:
    """Return the records that a name means; all for ``None``.

    Raises:
        UnknownNameError: none.
    """
    if name is None:
        return list(registry.records)
    plain = canonicalize_name(name)
    matching = [
        record
        for record in registry.records
        if name in (record.name, record.entry_point) or plain == record.distribution
    ]
    if not matching:
        raise UnknownNameError(f"plugins doctor: {why_absent(name)}")
    return matching


def _of(record: PluginRecord) -> Iterator[Finding]:
    def finding(severity: Severity, what: str, todo: str) -> Finding:
        return Finding(severity, record.name, record.version, what, todo)

    if record.failed:
        where = _place(record.traceback)
        yield finding("broken", record.error + (f" ({where})" if where else ""), record.advice)
    elif record.status == "blocked":
        yield finding("note", record.error, record.advice)
    elif record.status == "duplicate":
        yield finding("warning", record.error, record.advice)
    for note in record.notes:
        yield finding(
            "warning",
            note,
            record.advice or f"if it is not intended, change it in {record.distribution}",
        )
    if record.distribution != BUILTIN:
        yield from (
            finding("broken" if record.failed else "warning", what, todo)
            for what, todo in _installation(record)
        )


def _place(traceback: str) -> str:
    """Return the last line of a traceback that is not topicforge's own, as ``file:line``."""
    lines = re.findall(r'File "([^"]+)", line (\d+)', traceback)
    own = str(Path(__file__).resolve().parents[1])
    theirs = [
        (file, line)
        for file, line in lines
        if not file.startswith((own, "<frozen")) and "importlib" not in file
    ]
    return f"{theirs[-1][0]}:{theirs[-1][1]}" if theirs else ""


def _installation(record: PluginRecord) -> Iterator[tuple[str, str]]:
    """What the distribution's own metadata promises and the machine does not keep."""
    try:
        installed = metadata.distribution(record.distribution)
    except metadata.PackageNotFoundError:
        return
    folder = _editable_folder(installed)
    if folder is not None and not folder.is_dir():
        yield (
            f"it was installed in place from {folder}, which is gone",
            f"pip uninstall {record.distribution}, or install it from where it is now",
        )
    for text in installed.requires or ():
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            continue
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            have = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            yield (
                f"it requires {needed.name}, which is not installed",
                f"pip install '{_plain(needed)}'",
            )
            continue
        if not needed.specifier.contains(have, prereleases=True):
            yield (
                f"it requires {_plain(needed)}, but {have} is installed",
                f"pip install '{_plain(needed)}', or another version of {record.distribution}",
            )


def _plain(needed: Requirement) -> str:
    return f"{needed.name}{needed.specifier}"


def _editable_folder(installed: metadata.Distribution) -> Path | None:
    """Return the folder that an editable install points to (PEP 610)."""
    text = installed.read_text("direct_url.json")
    try:
        told = json.loads(text or "{}")
        if told.get("dir_info", {}).get("editable"):
            return Path(unquote(urlparse(told["url"]).path))
    except (ValueError, KeyError, AttributeError):
        pass
    return None
