"""The divergence's contract: decide once from the two types, then compute."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from topicforge.contracts.latent import Latent, Space
from topicforge.contracts.link import Link
from topicforge.distributions import Distribution

Exactness = Literal["closed form", "approximation", "bound", "Monte Carlo", "sample estimate"]


@dataclass(frozen=True)
class Samples:
    """The posterior's sample of this step, shared by decoder and divergence.

    Args:
        z: (B, L) reparameterised sample of q, in q's own space (log theta where that is theta).
        log_theta: (B, K) the same sample through the link, without decoder noise.
        link: maps prior samples to the simplex where the two sides live in different spaces.
    """

    z: Tensor
    log_theta: Tensor
    link: Link


RuleFunction = Callable[[Any, Any, Samples], Tensor]


@dataclass(frozen=True)
class Rule:
    """How one divergence is computed for one pair of types.

    Args:
        compute: (q, p, samples) -> (B,) if ``per_document``, else a scalar.
        exactness: closed form, approximation, bound, Monte Carlo or sample estimate.
        space: where it is measured; KL in z and KL in theta differ (softmax drops a dimension).
        source: paper and equation.
        summary: one line for ``explain``.
        per_document: True if it is a mean over documents. MMD is not: under data parallelism its
            samples must be gathered before it is computed.
    """

    compute: RuleFunction
    exactness: Exactness
    space: Space
    source: str
    summary: str
    per_document: bool = True


@dataclass(frozen=True)
class RuleSpec:
    """A rule registered for (divergence, posterior type, prior type).

    Args:
        divergence: short name of the divergence whose table this enters.
        posterior: distribution type of q; subclasses match too, the most specific wins.
        prior: distribution type of p; likewise.
        rule: what to run.
        needs_softmax_link: holds only where theta = softmax(z), L = K.
        distribution: the installed distribution that brought it, filled in by the registry.
        version: that distribution's version, filled in by the registry.
    """

    divergence: str
    posterior: type[Distribution]
    prior: type[Distribution]
    rule: Rule
    needs_softmax_link: bool = False
    distribution: str = ""
    version: str = ""


@dataclass(frozen=True)
class Sides:
    """What a divergence may know when it decides: types and flags, no data.

    Args:
        posterior: the encoder's declaration.
        prior: the prior's declaration.
        softmax_link: the link is exactly log_softmax(z).
        lookup: the rule registered for this divergence and a pair of types, or ``None``.
    """

    posterior: Latent
    prior: Latent
    softmax_link: bool
    lookup: Callable[[type[Distribution], type[Distribution]], RuleSpec | None]


class Divergence(ABC):
    """How far the posterior is from the prior. Factories take options alone, no context."""

    #: one line on which pairs it serves, for error messages
    serves: ClassVar[str] = ""

    @abstractmethod
    def resolve(self, sides: Sides) -> Rule:
        """Return the rule for this pair; called once, before any data is read.

        Raises:
            MixError: the pair is impossible; the message says why.
        """
