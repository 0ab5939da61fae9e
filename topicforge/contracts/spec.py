"""Frozen records of what a plugin registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from topicforge.contracts.latent import Latent

Kind = Literal["encoder", "link", "prior", "divergence", "decoder", "regulariser", "callback"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class ComponentSpec:
    """One component as registered.

    Args:
        kind: encoder, link, prior, divergence, decoder, regulariser or callback.
        name: kebab-case short name; the component also answers to ``distribution:name``.
        factory: ``factory(context, *, option=default, ...)``, for divergences, regulariser and
            callbacks
            ``factory(*, option=default, ...)``. Its keyword-only parameters are the options.
        summary: one line.
        source: paper, with equation number where there is one.
        latent: for encoders and priors, options -> :class:`Latent`; by default the factory's own
            ``describe``.
        distribution: the installed distribution that brought it, filled in by the registry.
        version: that distribution's version, filled in by the registry.
    """

    kind: Kind
    name: str
    factory: Callable[..., Any]
    summary: str
    source: str
    latent: Callable[..., Latent] | None = None
    distribution: str = ""
    version: str = ""

    @property
    def qualified_name(self) -> str:
        """``distribution:name``, which no other package can take."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name


@dataclass(frozen=True)
class PresetSpec:
    """A named composition with its settings.

    Args:
        name: kebab-case.
        settings: TopicModel parameters by name, part options as ``prior__concentration``.
        summary: one line.
        source: the paper.
        distribution: filled in by the registry.
        version: filled in by the registry.
        notes: what was changed against the source, and why.
    """

    name: str
    settings: Mapping[str, Any]
    summary: str
    source: str
    distribution: str = ""
    version: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    @property
    def qualified_name(self) -> str:
        """``distribution:name``, which no other package can take."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name
