"""What is checked: anything that a distribution registered, its kind, its name, its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from topicforge.contracts import KINDS, ComponentSpec, Context, Latent, PresetSpec, RuleSpec
from topicforge.errors import PluginError, did_you_mean
from topicforge.evaluation import MetricSpec
from topicforge.registry import default_registry, option_defaults
from topicforge.registry.kinds import KINDS as ENTRIES
from topicforge.registry.metadata import installed
from topicforge.testing.failure import CheckError

Spec = ComponentSpec | RuleSpec | PresetSpec | MetricSpec
SubjectKind = Literal[
    "encoder",
    "link",
    "prior",
    "divergence",
    "decoder",
    "regulariser",
    "callback",
    "rule",
    "preset",
    "metric",
]


def kind_of(spec: Spec) -> SubjectKind:
    """Return what a spec registers: a kind of component, ``rule``, ``preset`` or ``metric``."""
    if isinstance(spec, RuleSpec):
        return "rule"
    return spec.kind  # type: ignore[return-value]


def name_of(spec: Spec) -> str:
    """Return the short name; a rule's is ``divergence-Posterior-Prior``."""
    if isinstance(spec, RuleSpec):
        return f"{spec.divergence}-{spec.posterior.__name__}-{spec.prior.__name__}"
    return spec.name


def id_of(spec: Spec) -> str:
    """Return ``kind-name``, e.g. ``prior-dirichlet``."""
    return f"{kind_of(spec)}-{name_of(spec)}"


def title_of(spec: Spec) -> str:
    """Return the component as messages call it, e.g. ``prior 'dirichlet'``."""
    return f"{kind_of(spec)} {name_of(spec)!r}"


def specs_of(distribution: str) -> list[Spec]:
    """Return everything that an installed distribution registered.

    Components of every kind, divergence rules, presets and metrics, in that order.

    Args:
        distribution: its name on PyPI, e.g. ``topicforge-sinkhorn``; spelling as pip takes it.

    Raises:
        PluginError: it is not installed, declares no plugin, or a plugin of it did not load; the
            message shows the distributions that have plugins, or the plugin's traceback.
    """
    from packaging.utils import canonicalize_name

    name = canonicalize_name(distribution)
    registry = default_registry()
    records = [record for record in registry.records if record.distribution == name]
    if not records:
        known = sorted({declared.distribution for declared in installed()})
        raise PluginError(
            f"specs_of: no installed distribution called {distribution!r} has an entry point of the "
            f"group 'topicforge'.{did_you_mean(name, known)} Installed with one: {', '.join(known)}; "
            "install yours (pip install -e .) and look at [project.entry-points.topicforge]"
        )
    for record in records:
        if record.status != "loaded":
            raise PluginError(
                f"specs_of: plugin {record.name} {record.version} is {record.status}: "
                f"{record.error}; {record.advice}\n{record.traceback}"
            )
    found: list[Spec] = [
        *(spec for kind in KINDS for spec in registry.specs(kind)),
        *registry.rules,
        *registry.specs("preset"),
        *registry.specs("metric"),
    ]
    specs = [spec for spec in found if spec.distribution == name]
    if not specs:
        raise PluginError(
            f"specs_of: {name} loaded but registered nothing; its hook topicforge_register(register) must "
            "call register.prior(...) or another method of the register"
        )
    return specs


class WithOptions:
    """A factory whose options have other defaults; everything else is the factory's own.

    Args:
        factory: the component's.
        options: the new defaults.
    """

    def __init__(self, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self.factory = factory
        self.options = dict(options)
        signature = inspect.signature(factory)
        self.__signature__ = signature.replace(
            parameters=[
                p.replace(default=self.options.get(p.name, p.default))
                for p in signature.parameters.values()
            ]
        )

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Build with the new defaults."""
        return self.factory(*arguments, **{**self.options, **options})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.factory, name)

    def describe(self, **options: Any) -> Latent:
        """What the component declares under the new defaults."""
        declared: Latent = self.factory.describe(**{**self.options, **options})  # type: ignore[attr-defined]
        return declared


def with_options(spec: Spec, options: Mapping[str, Any]) -> Spec:
    """Return the spec with other defaults for some options.

    Raises:
        UnknownNameError: the component has no such option.
        PluginError: rules, presets and metrics take none here.
    """
    from topicforge.registry import check_options

    if not options:
        return spec
    if not isinstance(spec, ComponentSpec):
        raise PluginError(f"{title_of(spec)}: takes no options in a check, got {dict(options)}")
    check_options(spec, options, where=f"parametrize_with_checks: {title_of(spec)}")
    return replace(spec, factory=WithOptions(spec.factory, options))


def options_of(spec: ComponentSpec) -> dict[str, Any]:
    """Return the options that :func:`with_options` gave."""
    return dict(spec.factory.options) if isinstance(spec.factory, WithOptions) else {}


def build(spec: ComponentSpec, context: Context | None = None, **options: Any) -> Any:
    """Call the factory, as its kind is called, and say which component failed where it does.

    Raises:
        CheckError: it raised, or gave another type than its kind's base class.
    """
    entry = ENTRIES[spec.kind]
    arguments = (context,) if entry.takes_context else ()
    base: Any = entry.base
    given = {**option_defaults(spec), **options}
    try:
        built = spec.factory(*arguments, **options)
    except Exception as error:
        raise CheckError(
            f"{title_of(spec)}: construction with {given} raised {type(error).__name__}: {error}, "
            "but it must be built from its context and its defaults alone. To mend it: see the "
            "traceback above; files and data belong into start()."
        ) from error
    if not isinstance(built, base):
        raise CheckError(
            f"{title_of(spec)}: the factory gave {type(built).__name__}, but must give a "
            f"topicforge.plugin.{base.__name__}. To mend it: derive the class from it."
        )
    return built


def describe(spec: ComponentSpec, **options: Any) -> Latent:
    """Return what an encoder or a prior declares under its options.

    Raises:
        CheckError: it declares nothing, or no Latent.
    """
    how = getattr(spec.factory, "describe", None)
    declared = how(**options) if callable(how) else how
    if not isinstance(declared, Latent):
        raise CheckError(
            f"{title_of(spec)}: declares {declared!r}, but must declare a topicforge.plugin.Latent. "
            "To mend it: set the class attribute `latent` or override `describe`."
        )
    return declared
