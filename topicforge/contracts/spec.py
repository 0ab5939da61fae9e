"""Frozen records of what a plugin registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args

Kind = Literal["encoder", "link", "prior", "divergence", "decoder", "regulariser", "callback"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Spec:
    """What everything that a plugin registers by name has in common.

    Args:
        name: kebab-case short name; ``distribution:name`` finds it too.
        summary: one line.
        source: paper, with equation number where there is one.
        distribution: the installed distribution that registered it; the registry fills it in.
        version: that distribution's version; the registry fills it in.
    """

    name: str
    _: KW_ONLY
    summary: str
    source: str
    distribution: str = ""
    version: str = ""

    @property
    def qualified_name(self) -> str:
        """``distribution:name``, which no other package can take."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name


@dataclass(frozen=True)
class ComponentSpec(Spec):
    """One component: an encoder, link, prior, divergence, decoder, regulariser or callback.

    Args:
        factory: ``factory(context, *, option=default, ...)``; for divergences, regularisers and
            callbacks ``factory(*, option=default, ...)``. Its keyword-only parameters are the
            options. A class that derives from the kind's base class is the usual factory; another
            factory of an encoder or a prior has an attribute ``describe``, as the classes have.
        kind: which of :data:`KINDS`.
    """

    factory: Callable[..., Any]
    _: KW_ONLY
    kind: Kind


@dataclass(frozen=True)
class PresetSpec(Spec):
    """A named composition with its settings.

    Args:
        settings: TopicModel's parameters by name, options as ``prior__concentration``.
        notes: how it differs from the source, and why; ``topicforge explain`` prints it.
    """

    settings: Mapping[str, Any]
    _: KW_ONLY
    notes: str = ""
    kind: ClassVar[str] = "preset"

    def __post_init__(self) -> None:
        if isinstance(self.settings, Mapping):  # the registry refuses anything else
            object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))


@dataclass(frozen=True)
class EmbedderSpec(Spec):
    """A function from texts to features, for encoders that read features beside the counts.

    Args:
        function: ``function(texts, argument)`` returns (N, F) finite numbers for a list of N texts; the
            argument is what stands behind a colon in the name, ``NAME:ARGUMENT``, a folder for example, and
            empty without one. It must work without a network.
    """

    function: Callable[[Sequence[str], str], Any]
    _: KW_ONLY
    kind: ClassVar[str] = "embedder"
