"""The divergence's contract: decide once from the two types, then compute."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from topicforge.contracts.latent import Latent, Space
from topicforge.distributed import prior_draws
from topicforge.distributions import Distribution
from topicforge.errors import MixError

Exactness = Literal["closed form", "approximation", "bound", "Monte Carlo", "sample estimate"]


@dataclass(frozen=True)
class Samples:
    """The posterior's sample of this step, shared by decoder and divergence.

    Args:
        z: (B, L) reparameterised sample of q, in q's own space (log theta where that is theta).
        log_theta: (B, K) the same sample through the link, without decoder noise.
        link: z -> log theta, for prior samples in z that are compared on the simplex; its weights get no
            gradient through it where posterior and prior both are in z.
    """

    z: Tensor
    log_theta: Tensor
    link: Callable[[Tensor], Tensor]

    def draws_in_z(self, p: Distribution) -> Tensor:
        """Return as many draws of a prior in z as there are samples, (B, L)."""
        return prior_draws(p.rsample, self.z.shape[0])

    def draws_in_theta(self, p: Distribution) -> Tensor:
        """Return log theta of as many draws of any prior as there are samples, (B, K)."""
        draws = prior_draws(p.rsample, self.log_theta.shape[0])
        return self.link(draws) if p.space == "z" else draws


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
        per_document: True if it is a mean over documents. MMD is not: where several processes
            share a batch, ``q`` and ``samples`` are those of all its documents, and every process
            computes the same.
        reads_posterior: ``compute`` looks at ``q``; False spares a rule on samples alone the
            gathering of q's tensors.
    """

    compute: RuleFunction
    exactness: Exactness
    space: Space
    source: str
    summary: str
    per_document: bool = True
    reads_posterior: bool = True


@dataclass(frozen=True)
class RuleSpec:
    """How a divergence is computed for a pair of distribution types.

    Args:
        divergence: short name of the divergence, one's own or another's.
        rule: what to run.
        posterior: distribution type of q; subclasses match too, the most specific pair wins.
        prior: distribution type of p; likewise.
        needs_softmax_link: the rule holds only where theta = softmax(z), L = K.
        distribution: the installed distribution that registered it; the registry fills it in.
        version: that distribution's version; the registry fills it in.
    """

    kind: ClassVar[str] = "divergence_rule"
    divergence: str
    rule: Rule
    _: KW_ONLY
    posterior: type[Distribution]
    prior: type[Distribution]
    needs_softmax_link: bool = False
    distribution: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        """``divergence-Posterior-Prior``."""
        return f"{self.divergence}-{self.posterior.__name__}-{self.prior.__name__}"


@dataclass(frozen=True)
class Pair:
    """What a divergence decides by: the declarations of posterior and prior, no data.

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

    def require_sample_gradients(self, name: str) -> None:
        """Refuse a pair whose parameters get no gradient through samples.

        Args:
            name: of the divergence that trains through samples, for the message.

        Raises:
            MixError: the posterior, or a prior that is trained, is not reparameterised.
        """
        q, p = self.posterior, self.prior
        if not q.reparameterised:
            raise MixError(
                f"{name} trains through samples, but the posterior's {q.distribution.__name__} is not "
                "reparameterised, so the encoder would get no gradient"
            )
        if p.trainable and not p.reparameterised:
            raise MixError(
                f"{name} trains through samples, but this prior's {p.distribution.__name__} has "
                "learned parameters that its samples carry no gradient to (a mixture's weights); keep "
                "them fixed (gmm: prior__learn='components') or use kl"
            )

    def common_space(
        self, name: str, wanted: Space | Literal["auto"] = "auto", instead: str = "theta"
    ) -> Space:
        """Return the space in which samples of posterior and prior can be compared.

        Args:
            name: of the divergence, for the message.
            wanted: ``auto`` for z where both are in z, theta otherwise.
            instead: what to set where z is impossible, as the user writes it.

        Raises:
            MixError: z is wanted, and one of the two is on the simplex: no link leads back.
        """
        q, p = self.posterior.space, self.prior.space
        both_in_z = q == "z" and p == "z"
        if wanted == "auto":
            return "z" if both_in_z else "theta"
        if wanted == "z" and not both_in_z:
            raise MixError(
                f"{name} can't compare z with z: the posterior is in {q} and the prior in {p}; use "
                f"{instead} instead"
            )
        return wanted


class Divergence(ABC):
    """How far the posterior is from the prior. Factories take options alone, no context."""

    @abstractmethod
    def resolve(self, pair: Pair) -> Rule:
        """Return the rule for this pair; called once, before any data is read.

        Raises:
            MixError: the pair is impossible; the message states why.
        """
