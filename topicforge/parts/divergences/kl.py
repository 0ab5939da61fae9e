"""KL divergence: a table of rules by type pair, sampling only on request."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from topicforge.contracts import Divergence, Pair, Rule, Samples
from topicforge.contracts.options import one_of, whole
from topicforge.distributions import Distribution, Point
from topicforge.errors import MixError

_ESTIMATORS = ("auto", "monte-carlo")
_WHERE = "divergence 'kl'"


class KlDivergence(Divergence):
    """KL(q || p) = E_q[log q - log p] per document (Kingma and Welling 2014, eq. 3).

    Args:
        estimator: ``auto``: the rule registered for the two types: a closed form, an approximation or a
            bound, which for a mixture prior takes eta (Zhang, survey, eq. 18) at the sample of z that the
            decoder sees; ``monte-carlo``: mean of log q - log p over samples.
        n_samples: samples of the Monte Carlo estimate; the first is the one the decoder sees.
    """

    def __init__(self, *, estimator: str = "auto", n_samples: int = 1) -> None:
        one_of(_WHERE, "estimator", estimator, _ESTIMATORS)
        self.estimator = estimator
        self.n_samples = whole(_WHERE, "n_samples", n_samples)

    def resolve(self, pair: Pair) -> Rule:
        """Return the pair's rule, or the Monte Carlo estimate under ``estimator="monte-carlo"``."""
        q, p = pair.posterior.distribution, pair.prior.distribution
        if issubclass(q, Point):
            raise MixError(
                "a deterministic posterior (all mass on one point) has no density, so KL to any "
                "prior is infinite"
            )
        if self.estimator == "monte-carlo":
            return self._monte_carlo(pair)
        spec = pair.lookup(q, p)
        if spec is None:
            raise MixError(f"no KL rule is registered for ({q.__name__}, {p.__name__})")
        if spec.needs_softmax_link and not pair.softmax_link:
            raise MixError(
                f"{spec.rule.summary} holds only where theta = softmax(z); use link='softmax'"
            )
        return spec.rule

    def _monte_carlo(self, pair: Pair) -> Rule:
        q, p = pair.posterior, pair.prior
        if q.space != p.space:
            raise MixError(
                f"a Monte Carlo KL needs both densities in one space, but the posterior lives in "
                f"{q.space} and the prior in {p.space}"
            )
        for side, latent in (("posterior", q), ("prior", p)):
            if latent.distribution.log_prob is Distribution.log_prob:
                raise MixError(
                    f"a Monte Carlo KL needs log densities, but the {side}'s "
                    f"{latent.distribution.__name__} has none"
                )
        if not q.reparameterised:
            raise MixError("a Monte Carlo KL needs a reparameterised posterior")

        def compute(q: Any, p: Any, samples: Samples) -> Tensor:
            total: Tensor = q.log_prob(samples.z) - p.log_prob(samples.z)
            for _ in range(self.n_samples - 1):
                z = q.rsample()
                total = total + q.log_prob(z) - p.log_prob(z)
            return total / self.n_samples

        return Rule(
            compute, "Monte Carlo", q.space, "Kingma and Welling 2014, eq. 2; Zhang, survey, eq. 3",
            f"mean of log q - log p over {self.n_samples} sample(s) per document",
        )  # fmt: skip
