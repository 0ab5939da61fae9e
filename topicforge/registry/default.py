"""The registry of everything installed, built once a process, on first use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from topicforge.errors import PluginError
from topicforge.registry.kinds import NAMED
from topicforge.registry.metadata import installed
from topicforge.registry.policy import PluginPolicy
from topicforge.registry.registry import Registry


class _Once:
    """Builds the registry at the first call; other threads wait for it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._building = False
        self._registry: Registry | None = None
        #: what a test has put in place of all installed plugins
        self.instead: Registry | None = None

    def __call__(self) -> Registry:
        with self._lock:
            if self.instead is not None:
                return self.instead
            if self._registry is not None:
                return self._registry
            if self._building:
                raise PluginError(
                    "a plugin asked for the registry while it was being loaded (at import, or in a "
                    "hook); look components up where they are used"
                )
            self._building = True
            try:
                self._registry = Registry(installed(), PluginPolicy.from_environment())
            finally:
                self._building = False
            return self._registry


_once = _Once()


def default_registry() -> Registry:
    """Return the registry of all installed plugins; they are loaded on the first call.

    Raises:
        PluginError: topicforge is not installed, its own plugin did not load, an environment
            variable is wrong, or ``TOPICFORGE_PLUGINS_STRICT=1`` and a plugin did not load.
    """
    return _once()


@contextmanager
def using(registry: Registry) -> Iterator[None]:
    """Let :func:`default_registry` return another registry inside the block, for tests."""
    before, _once.instead = _once.instead, registry
    try:
        yield
    finally:
        _once.instead = before


def list_components(kind: str | None = None) -> list[Any]:
    """Return the records of everything registered by name, or those of one kind.

    Args:
        kind: encoder, link, prior, divergence, decoder, regulariser, callback, preset, metric,
            reader or corpus;
            ``None`` for all.

    Raises:
        UnknownNameError: no such kind.
    """
    registry = default_registry()
    return [spec for k in (NAMED if kind is None else (kind,)) for spec in registry.specs(k)]
