"""Regulariser in force: from what a user wrote to objects, and what several of them amount to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import Tensor

from topicforge.contracts import Progress, Regulariser
from topicforge.errors import MixError, OptionError, PluginError
from topicforge.registry import Registry, build, check_options
from topicforge.wiring.network import Network

#: a name, (name, options), or an object
Written = tuple[tuple[str, Mapping[str, Any]] | Regulariser, ...]


def check_regularisers(registry: Registry, regularisers: object) -> Written:
    """Return TopicModel's ``regularisers`` as (name, options) and objects, with every name known.

    Args:
        registry: where names are looked up.
        regularisers: a sequence of names, of ``(name, {option: value})``, and of Regulariser objects.

    Raises:
        UnknownNameError: no such regularisers or option; the nearest is named.
        OptionError: something else among them.
    """
    if isinstance(regularisers, str | Mapping) or not isinstance(regularisers, Iterable):
        raise OptionError(
            f"TopicModel: regularisers must be a list, got {regularisers!r}; write [...]"
        )
    return tuple(_checked(registry, item) for item in regularisers)


def _checked(registry: Registry, item: object) -> tuple[str, Mapping[str, Any]] | Regulariser:
    if isinstance(item, Regulariser):
        return item
    name, options = item if isinstance(item, tuple | list) and len(item) == 2 else (item, {})
    if not isinstance(name, str) or not isinstance(options, Mapping):
        raise OptionError(
            "TopicModel: regularisers must be names, (name, {option: value}) or "
            f"topicforge.plugin.Regulariser objects, got {item!r}"
        )
    spec = registry.find("regulariser", name)
    check_options(spec, options, f"TopicModel: regulariser {name!r}")
    return name, dict(options)


@dataclass(frozen=True)
class Named:
    """One of the regularisers and how an error or a report is to name it."""

    regulariser: Regulariser
    name: str


class Regularisers:
    """Several regularisers as one; each is asked in the order in which they were given.

    Args:
        registry: where names are looked up.
        written: what :func:`check_regularisers` returned.

    Raises:
        OptionError: a value outside its domain.
        PluginError: one of them can't be built.
    """

    def __init__(self, registry: Registry, written: Written) -> None:
        self._rules: list[Named] = []
        for item in written:
            if isinstance(item, Regulariser):
                self._rules.append(Named(item, type(item).__name__))
            else:
                name, options = item
                self._rules.append(Named(build(registry.find("regulariser", name), options), name))

    def start(self, network: Network) -> None:
        """Before the first step.

        Raises:
            MixError: a rule does not fit the network.
        """
        for rule in self._rules:
            if rule.regulariser.per_document and not network.rule.per_document:
                raise MixError(
                    f"regulariser {rule.name!r} needs a divergence that is a number a document, but this "
                    f"one ({network.rule.summary}) is one number a batch; leave it out, or use "
                    "divergence='kl'"
                )
            rule.regulariser.start(network)

    def divergence_weight(self, now: Progress) -> float:
        """Product of all factors."""
        weight = 1.0
        for rule in self._rules:
            weight *= rule.regulariser.divergence_weight(now)
        return weight

    def rising(self, now: Progress) -> bool:
        """Whether any weight still rises."""
        return any(rule.regulariser.rising(now) for rule in self._rules)

    def divergence(self, value: Tensor) -> Tensor:
        """What of the mean divergence is paid for."""
        for rule in self._rules:
            value = rule.regulariser.divergence(value)
        return value

    def hook(self, name: Literal["latent", "theta"]) -> Callable[[Tensor], Tensor] | None:
        """What all of them together make of the latent or of theta; ``None`` where none changes it."""
        plain = getattr(Regulariser, name)
        changing = [r for r in self._rules if getattr(type(r.regulariser), name) is not plain]
        return partial(_changed, changing, name) if changing else None

    def penalties(self, network: Network, now: Progress) -> dict[str, Tensor]:
        """Scalars to add to the loss, by the rules' names."""
        found: dict[str, Tensor] = {}
        for rule in self._rules:
            value = rule.regulariser.penalty(network, now)
            if value is None:
                continue
            if value.ndim != 0:
                raise PluginError(
                    f"regulariser {rule.name!r}: penalty must be a scalar, but has shape {tuple(value.shape)}"
                )
            found[rule.name] = found[rule.name] + value if rule.name in found else value
        return found

    def trains(self, part: str, epoch: int) -> bool:
        """Whether every rule lets the part move."""
        return all(rule.regulariser.trains(part, epoch) for rule in self._rules)

    def names(self) -> Sequence[str]:
        """In order."""
        return [rule.name for rule in self._rules]


def _changed(rules: Sequence[Named], name: str, value: Tensor) -> Tensor:
    """The value after the hook of every rule, in order.

    Raises:
        PluginError: one of them changed the shape.
    """
    shape = value.shape
    for rule in rules:
        value = getattr(rule.regulariser, name)(value)
        if value.shape != shape:
            raise PluginError(
                f"regulariser {rule.name!r}: {name} must keep the shape {tuple(shape)}, but gave "
                f"{tuple(value.shape)}"
            )
    return value
