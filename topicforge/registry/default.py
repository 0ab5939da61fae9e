"""The registry of everything installed, built once a process, on first use."""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock
from typing import Literal, overload

from topicforge.contracts import KINDS, ComponentSpec, Kind
from topicforge.errors import PluginError
from topicforge.evaluation import MetricSpec
from topicforge.registry.metadata import installed
from topicforge.registry.registry import Registry
from topicforge.registry.switches import Switches


class _Once:
    """Builds the registry at the first call; other threads wait for it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._building = False
        self._registry: Registry | None = None

    def __call__(self) -> Registry:
        with self._lock:
            if self._registry is not None:
                return self._registry
            if self._building:
                raise PluginError(
                    "a plugin asked for the registry while it was being loaded (at import, or in a "
                    "hook); look components up where they are used"
                )
            self._building = True
            try:
                self._registry = Registry(installed(), Switches.from_environment())
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


@overload
def list_components(kind: Kind) -> list[ComponentSpec]: ...
@overload
def list_components(kind: Literal["metric"]) -> list[MetricSpec]: ...
@overload
def list_components(kind: None = None) -> list[ComponentSpec | MetricSpec]: ...


def list_components(
    kind: Kind | Literal["metric"] | None = None,
) -> Sequence[ComponentSpec | MetricSpec]:
    """Return all components and metrics, or those of one kind.

    Args:
        kind: encoder, link, prior, divergence, decoder, callback or metric; ``None`` for all.

    Raises:
        UnknownNameError: no such kind.
    """
    registry = default_registry()
    if kind is None:
        return [*(s for k in KINDS for s in registry.components(k)), *registry.metrics()]
    return registry.metrics() if kind == "metric" else registry.components(kind)
