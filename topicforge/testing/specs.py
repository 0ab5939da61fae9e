"""What is checked: everything that a distribution registered, by kind, name and options."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from packaging.utils import canonicalize_name

from topicforge.contracts import ComponentSpec, Latent
from topicforge.errors import PluginError, PluginWarning
from topicforge.registry import Registry, check_options, installed
from topicforge.registry.kinds import NAMED
from topicforge.registry.metadata import why_absent
from topicforge.registry.policy import BUILTIN


@functools.cache
def registry_for(distribution: str) -> Registry:
    """Return a registry of the built-ins and one distribution: what its components are tested with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # specs_of raises instead
        return Registry(p for p in installed() if p.distribution in (BUILTIN, distribution))


def title_of(spec: Any) -> str:
    """Return the component as messages call it, e.g. ``prior 'dirichlet'``."""
    return f"{spec.kind} {spec.name!r}"


def id_of(spec: Any) -> str:
    """Return ``kind-name``, e.g. ``prior-dirichlet``."""
    return f"{spec.kind}-{spec.name}"


def specs_of(distribution: str) -> list[Any]:
    """Return everything that an installed distribution registered, divergence rules last.

    Args:
        distribution: its name on PyPI, e.g. ``topicforge-sinkhorn``; spelling as pip takes it.

    Raises:
        PluginError: it is not installed, declares no plugin, or its plugin did not load; the message
            has the plugin's traceback.
    """
    name = canonicalize_name(distribution)
    registry = registry_for(name)
    records = [record for record in registry.records if record.distribution == name]
    if not records:
        raise PluginError(f"specs_of: {why_absent(distribution)}")
    for record in records:
        if record.status != "loaded":
            raise PluginError(
                f"specs_of: plugin {record.name} {record.version} is {record.status}: "
                f"{record.error}\n{record.traceback}"
            )
    found = [*(spec for kind in NAMED for spec in registry.specs(kind)), *registry.rules]
    specs = [spec for spec in found if spec.distribution == name]
    if not specs:
        raise PluginError(
            f"specs_of: {name} registered nothing; its hook topicforge_register(register) must call "
            "register.prior(...) or another method of the register"
        )
    return specs


class _Chosen(functools.partial[Any]):
    """A factory whose options have other defaults; everything else is the factory's own."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.func, name)

    def describe(self, **options: Any) -> Latent:
        """What the component declares under the new defaults."""
        declared: Latent = self.func.describe(**{**self.keywords, **options})  # type: ignore[attr-defined]
        return declared


def with_options(spec: Any, options: Mapping[str, Any]) -> Any:
    """Return the spec with other defaults for some options.

    Raises:
        UnknownNameError: the component has no such option.
        PluginError: rules, presets and metrics take none here.
    """
    if not options:
        return spec
    if not isinstance(spec, ComponentSpec):
        raise PluginError(f"{title_of(spec)}: takes no options in a check, got {dict(options)}")
    check_options(spec, options, where=f"parametrize_with_checks: {title_of(spec)}")
    return replace(spec, factory=_Chosen(spec.factory, **options))
