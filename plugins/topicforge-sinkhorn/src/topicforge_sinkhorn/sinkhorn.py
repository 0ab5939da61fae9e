"""The Sinkhorn divergence between the aggregate posterior and the prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from topicforge.plugin import Divergence, Pair, Rule, Samples, options
from torch import Tensor

from topicforge_sinkhorn.costs import squared_arc, squared_euclidean
from topicforge_sinkhorn.sides import points_in_z, points_on_sphere

Cost = Callable[[Tensor, Tensor], Tensor]
_COSTS = ("auto", "squared-euclidean", "hellinger", "geodesic")
_SPACES = {"auto": "auto", "squared-euclidean": "z", "hellinger": "theta", "geodesic": "theta"}
_WHERE = "divergence 'sinkhorn'"


def sinkhorn_divergence(x: Tensor, y: Tensor, cost: Cost, e: float, scaling: float = 0.7) -> Tensor:
    """S = OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2, entropic transport costs.

    OT(x, y) = min over plans P with uniform marginals of <P, C> + e KL(P || uniform). Between
    squared distances S tends to W_2^2 as e -> 0 and to |mean x - mean y|^2 as e -> infinity.
    It is solved in the log domain, from a wide e down to the wanted one. The gradient is that of
    <P, C> at the plans that were found (envelope theorem); no iteration is kept for it.

    Args:
        x: (n, L) points of one side, n >= 1.
        y: (m, L) points of the other, m >= 1.
        cost: points -> their (n, m) costs; batched, as those of :mod:`topicforge_sinkhorn.costs`.
        e: entropic regularisation, in the cost's unit, > 0.
        scaling: factor in (0, 1) between two successive square roots of e on the way down.

    Returns:
        Scalar; 0 where the two sets are equal.

    Source: Feydy et al. 2019 (arXiv:1810.08278), eq. 3 for S, section 3.2 for the gradient.
    """
    # here and not above: it imports KeOps where that is installed, which takes seconds and prints
    from geomloss import SamplesLoss  # type: ignore[import-untyped]

    with torch.no_grad():
        widest = max(float(cost(x, y).max()), e)
    loss = SamplesLoss(
        "sinkhorn", p=2, blur=math.sqrt(e), diameter=math.sqrt(widest), scaling=scaling,
        cost=cost, debias=True, backend="tensorized",
    )  # fmt: skip
    trains = torch.is_grad_enabled()
    with torch.set_grad_enabled(trains):  # geomloss leaves gradients switched on in any case
        value: Tensor = loss(x, y)
    return value if trains else value.detach()


def relative_epsilon(x: Tensor, y: Tensor, cost: Cost, share: float) -> float:
    """E = share * mean cost between x and y, without gradient; never 0.

    Args:
        x: (n, L) points of one side.
        y: (m, L) points of the other.
        cost: points -> their (n, m) costs.
        share: > 0.
    """
    with torch.no_grad():
        typical = float(cost(x, y).mean())
    # all points in one place: any e gives 0
    smallest: float = torch.finfo(x.dtype).tiny ** 0.5
    return max(share * typical, smallest)


class SinkhornDivergence(Divergence):
    """S_e(q_agg, p), the debiased Sinkhorn divergence, from samples of both sides.

    It compares the batch as a whole with as many prior samples, so it is one number a batch and
    not a mean over documents. It stands where the Wasserstein autoencoder has its MMD (Nan 2019
    for topic models).

    Args:
        cost: ``squared-euclidean``: |z - z'|^2; ``hellinger``: |sqrt(theta) - sqrt(theta')|^2 on
            the simplex, z sent through the link; ``geodesic``: arccos(sum_k sqrt(theta_k
            theta'_k))^2 there; ``auto``: squared-euclidean where both sides live in z, geodesic
            otherwise.
        epsilon: entropic regularisation as a share of the mean cost between the two sides. A batch
            says little about Wasserstein distance in 50 dimensions: two samples of one distribution
            are far apart under a small epsilon, and topics are worse (README).
        scaling: factor between two successive scales of the descent to epsilon; nearer to 1 is
            more exact and slower. A batch waits for the GPU once, to read the costs' size.
    """

    def __init__(self, *, cost: str = "auto", epsilon: float = 1.0, scaling: float = 0.7) -> None:
        self.cost = options.one_of(_WHERE, "cost", cost, _COSTS)
        self.epsilon = options.between(_WHERE, "epsilon", epsilon, 1e-4, 1e4)
        self.scaling = options.between(_WHERE, "scaling", scaling, 0.1, 0.99)

    def resolve(self, pair: Pair) -> Rule:
        """Choose the space and the cost; refuse a pair whose parameters get no gradient.

        Raises:
            MixError: a side's samples carry no gradient to its parameters, or squared-euclidean was
                asked for and a side lives on the simplex.
        """
        pair.require_sample_gradients("sinkhorn")
        space = pair.common_space("sinkhorn (cost='squared-euclidean')", _SPACES[self.cost])
        name = self.cost
        if name == "auto":
            name = "squared-euclidean" if space == "z" else "geodesic"
        points = points_in_z if space == "z" else points_on_sphere
        cost = squared_arc if name == "geodesic" else squared_euclidean

        def compute(q: Any, p: Any, samples: Samples) -> Tensor:
            del q
            if samples.z.shape[0] == 0:
                return samples.z.sum()
            x, y = points(p, samples)
            e = relative_epsilon(x, y, cost, self.epsilon)
            return sinkhorn_divergence(x, y, cost, e, self.scaling)

        return Rule(
            compute, "sample estimate", space,
            "Feydy et al. 2019, eq. 3; as a WAE topic model Nan 2019",
            f"debiased Sinkhorn divergence, {name} cost, epsilon = {self.epsilon:g} mean cost",
            per_document=False,
        )  # fmt: skip
