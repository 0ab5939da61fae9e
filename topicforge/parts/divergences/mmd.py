"""Maximum mean discrepancy between the aggregate posterior and the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from topicforge import ops
from topicforge.contracts import Divergence, Pair, Rule, Samples
from topicforge.contracts.latent import Space
from topicforge.contracts.options import is_number, one_of, positive, require

#: kernel -> the space it compares in
_KERNELS: dict[str, Space | Literal["auto"]] = {"auto": "auto", "diffusion": "theta", "imq": "z"}
_WHERE = "divergence 'mmd'"


def imq_mmd(x: Tensor, y: Tensor, scales: Sequence[float], unbiased: bool = True) -> Tensor:
    """MMD^2 (Gretton 2012, eq. 3) under k(x, y) = sum_s C_s / (C_s + |x - y|^2), C_s = 2 L s.

    Args:
        x: (n, L) samples of one side.
        y: (m, L) samples of the other.
        scales: s, relative to a standard normal's mean squared distance 2 L.
        unbiased: leave the diagonals out of the two within-sample sums (U-statistic); else keep
            them (V-statistic, never negative). The cross sum keeps its diagonal either way. A side
            of one row has no pair of distinct samples, so its U-statistic's sum is empty: 0.

    Returns:
        Scalar. Source of the kernel: Tolstikhin 2018, section 4.
    """
    width = x.shape[-1]

    def within(a: Tensor) -> Tensor:
        n = a.shape[0]
        kernel = _imq(a, a, scales, width)
        if unbiased:
            return (kernel.sum() - kernel.diagonal().sum()) / max(n * (n - 1), 1)
        return kernel.mean()

    # distances don't change when both sides are moved, but rounding grows with |x|^2
    centre = x.detach().mean(0)
    x, y = x - centre, y - centre
    return within(x) + within(y) - 2 * _imq(x, y, scales, width).mean()


def _imq(x: Tensor, y: Tensor, scales: Sequence[float], width: int) -> Tensor:
    squared = (x.square().sum(-1)[:, None] + y.square().sum(-1) - 2 * x @ y.T).clamp_min(0)
    kernel = torch.zeros_like(squared)
    for scale in scales:
        c = 2 * width * scale
        kernel = kernel + c / (c + squared)
    return kernel


class MmdDivergence(Divergence):
    """MMD(q_agg, p)^2 from samples of both sides (Tolstikhin 2018; Zhang, survey, eq. 10).

    It compares the batch as a whole with as many prior samples, so it is one number per batch
    and not a mean over documents.

    Args:
        kernel: ``diffusion``: exp(-arccos^2(sum_k sqrt(theta_k theta'_k)) / t) on the simplex
            (Nan 2019; Zhang, survey, eq. 11), z sent through the link, whose weights get no gradient from
            it where the prior is in z too, for a link that shrinks would lower it; ``imq``: a sum of inverse
            multiquadrics in z; ``auto``: imq where both sides live in z, diffusion otherwise.
        t: diffusion time of ``diffusion``, > 0; 1 in every published configuration of W-LDA.
        scales: scales s of the inverse multiquadrics, relative to 2 L, the mean squared distance of
            two standard normal draws.
        unbiased: whether it is the U-statistic (may be negative); else the V-statistic. In a batch
            of one document there are no pairs, and only the cross sum is left; without documents
            it is 0.
    """

    def __init__(
        self,
        *,
        kernel: str = "auto",
        t: float = 1.0,
        scales: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
        unbiased: bool = True,
    ) -> None:
        one_of(_WHERE, "kernel", kernel, tuple(_KERNELS))
        listed = isinstance(scales, Sequence) and len(scales) > 0 and all(map(is_number, scales))
        require(listed, _WHERE, "scales", "one or more numbers", scales)
        self.kernel = kernel
        self.t = positive(_WHERE, "t", t)
        self.scales = tuple(positive(_WHERE, "scales", scale) for scale in scales)
        self.unbiased = unbiased

    def resolve(self, pair: Pair) -> Rule:
        """Choose the space and the kernel; refuse a pair whose parameters get no gradient."""
        pair.require_sample_gradients("MMD")
        space = pair.common_space(
            f"MMD's kernel {self.kernel!r}", _KERNELS[self.kernel], "kernel='diffusion'"
        )
        form = "unbiased" if self.unbiased else "biased"
        if space == "z":
            return Rule(
                self._imq, "sample estimate", "z", "Tolstikhin 2018, section 4; Zhang, survey, eq. 10",
                f"{form} MMD^2, sum of {len(self.scales)} inverse multiquadrics", per_document=False,
                reads_posterior=False,
            )  # fmt: skip
        return Rule(
            self._diffusion, "sample estimate", "theta", "Nan 2019; Zhang, survey, eq. 10 and 11",
            f"{form} MMD^2, information-diffusion kernel, t = {self.t:g}", per_document=False,
                reads_posterior=False,
        )  # fmt: skip

    def _imq(self, q: Any, p: Any, samples: Samples) -> Tensor:
        del q
        if samples.z.shape[0] == 0:
            return samples.z.sum()
        return imq_mmd(samples.z, samples.draws_in_z(p), self.scales, self.unbiased)

    def _diffusion(self, q: Any, p: Any, samples: Samples) -> Tensor:
        del q
        n = samples.log_theta.shape[0]
        if n == 0:
            return samples.log_theta.sum()
        log_p = samples.draws_in_theta(p)
        if n == 1 and self.unbiased:
            return -2 * ops.diffusion_kernel(samples.log_theta, log_p, self.t).squeeze()
        return ops.diffusion_mmd(samples.log_theta, log_p, self.t, self.unbiased)
