"""The sliced Wasserstein distance between the aggregate posterior and the prior."""

from __future__ import annotations

from typing import Any

import torch
from topicforge.plugin import Divergence, Pair, Rule, Samples, options
from torch import Tensor
from torch.nn import functional as F

from topicforge_sinkhorn.sides import points_in_z, points_on_sphere

_SPACES = ("auto", "z", "theta")
_WHERE = "divergence 'sliced-wasserstein'"


def sliced_wasserstein(x: Tensor, y: Tensor, directions: Tensor) -> Tensor:
    """SW_2^2 = mean_s W_2^2(x w_s, y w_s); on a line W_2^2 = mean_i (x_(i) - y_(i))^2 of sorted points.

    Args:
        x: (n, L) points of one side, n >= 1.
        y: (n, L) as many of the other.
        directions: (L, S) unit columns w_s.

    Returns:
        Scalar.

    Source: Bonneel et al. 2015, section 3; Kolouri et al. 2019 (arXiv:1804.01947), eq. 13 to 15.
    """
    along_x, along_y = (x @ directions).sort(0).values, (y @ directions).sort(0).values
    return (along_x - along_y).square().mean()


class SlicedWassersteinDivergence(Divergence):
    """SW_2^2(q_agg, p) over fresh random directions each step, from samples of both sides.

    It compares the batch as a whole with as many prior samples, so it is one number a batch and
    not a mean over documents. It costs O(S B log B) in time, against Sinkhorn's O(B^2) a step of
    its descent. A mean over directions of the sphere in R^L is about W_2^2 / L, hence ``scaled``.

    Args:
        n_projections: S, directions a step, drawn from torch's generator.
        space: ``z``; ``theta``: sqrt(theta) on the simplex, z sent through the link; ``auto``: z
            where both sides live in z, theta otherwise.
        scaled: multiply by L, so that for a mere shift it equals |shift|^2 on average, as W_2^2.
    """

    def __init__(
        self, *, n_projections: int = 100, space: str = "auto", scaled: bool = True
    ) -> None:
        self.n_projections = options.whole(_WHERE, "n_projections", n_projections)
        self.space = options.one_of(_WHERE, "space", space, _SPACES)
        self.scaled = options.truth(_WHERE, "scaled", scaled)

    def resolve(self, pair: Pair) -> Rule:
        """Choose the space; refuse a pair whose parameters get no gradient.

        Raises:
            MixError: a side's samples carry no gradient to its parameters, or ``space='z'`` was
                asked for and a side lives on the simplex.
        """
        pair.require_sample_gradients("sliced-wasserstein")
        space = pair.common_space("sliced-wasserstein (space='z')", self.space)
        points = points_in_z if space == "z" else points_on_sphere

        def compute(q: Any, p: Any, samples: Samples) -> Tensor:
            del q
            if samples.z.shape[0] == 0:
                return samples.z.sum()
            x, y = points(p, samples)
            width = x.shape[1]
            directions = F.normalize(torch.randn(width, self.n_projections).to(x), dim=0)
            value = sliced_wasserstein(x, y, directions)
            return width * value if self.scaled else value

        return Rule(
            compute, "sample estimate", space,
            "Bonneel et al. 2015, section 3; Kolouri et al. 2019, eq. 13",
            f"sliced W_2^2 over {self.n_projections} random directions"
            + (", times the width" if self.scaled else ""),
            per_document=False,
        )  # fmt: skip
