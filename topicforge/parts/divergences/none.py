"""No divergence: the reconstruction alone."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from topicforge.contracts import Divergence, Pair, Rule, Samples


class NoDivergence(Divergence):
    """D = 0: an autoencoder, to see what a divergence is good for (it collapses, Nan 2019)."""

    def resolve(self, pair: Pair) -> Rule:
        """Return the rule that is zero."""
        return Rule(
            self._zero, "closed form", pair.posterior.space, "Nan 2019, supplement",
            "no divergence: the prior is not looked at",
        )  # fmt: skip

    def _zero(self, q: Any, p: Any, samples: Samples) -> Tensor:
        del q, p
        return samples.z.new_zeros(samples.z.shape[0])
