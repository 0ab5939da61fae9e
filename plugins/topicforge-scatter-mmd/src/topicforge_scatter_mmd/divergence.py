"""The divergence: which pairs it serves, in which space, with which implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from topicforge.plugin import Divergence, OptionError, Pair, Rule, Samples, options
from torch import Tensor

from topicforge_scatter_mmd.library import NATIVE, WHY
from topicforge_scatter_mmd.operator import IMPLS, imq_mmd

_SPACES = ("auto", "z", "theta")
_WHERE = "divergence 'scatter-mmd'"
_SOURCE = "Tolstikhin et al. 2018 (arXiv:1711.01558), section 4; Gretton et al. 2012, eqs. 3 and 5"


class ScatterMmdDivergence(Divergence):
    """MMD^2 between aggregate posterior and prior, k = sum_s c_s / (c_s + |x - y|^2).

    From the batch's (B, L) sample and as many draws of the prior. c_s = scale_s * d: in z
    d = 2 L, a standard normal's mean squared distance; in theta d = 2, the largest squared
    distance between two points of the simplex.

    Args:
        space: where the two are compared: ``z``, ``theta``, or ``auto``: z where both live there.
        scales: one or more numbers > 0, the widths in units of d.
        unbiased: U-statistic (may be negative); else V-statistic, which never is.
        impl: ``native`` (C++, CPU), ``reference`` (plain PyTorch, any device), or ``auto``:
            native where it can serve. The rule's summary says which it is, and why.

    Raises:
        OptionError: a value outside its domain, or ``impl='native'`` where nothing was built.

    Source: Tolstikhin et al. 2018 (arXiv:1711.01558), section 4.
    """

    def __init__(
        self,
        *,
        space: str = "auto",
        scales: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
        unbiased: bool = True,
        impl: str = "auto",
    ) -> None:
        self.space = options.one_of(_WHERE, "space", space, _SPACES)
        self.impl = options.one_of(_WHERE, "impl", impl, IMPLS)
        self.unbiased = options.truth(_WHERE, "unbiased", unbiased)
        listed = isinstance(scales, Sequence) and not isinstance(scales, str) and len(scales) > 0
        options.require(listed, _WHERE, "scales", "one or more numbers", scales)
        self.scales = tuple(options.positive(_WHERE, "scales", scale) for scale in scales)
        if impl == "native" and not NATIVE:
            raise OptionError(
                f"{_WHERE}: option 'impl' is 'native', but {WHY}; install the package again where "
                "torch and a C++ compiler are, or choose impl='auto'"
            )

    def resolve(self, pair: Pair) -> Rule:
        """Choose the space; refuse a pair whose parameters get no gradient through samples.

        Args:
            pair: types and flags of posterior and prior.

        Raises:
            MixError: a side is not reparameterised, or z was asked for and a side is not there.
        """
        pair.require_sample_gradients(_WHERE)
        space = pair.common_space(_WHERE, self.space, "divergence__space='theta'")
        in_z = space == "z"
        form = "unbiased" if self.unbiased else "biased"
        return Rule(
            self._in_z if in_z else self._in_theta,
            "sample estimate",
            space,
            _SOURCE,
            f"{form} MMD^2, sum of {len(self.scales)} inverse multiquadrics; {self._runs()}",
            per_document=False,
        )

    def _runs(self) -> str:
        if self.impl == "reference":
            return "plain PyTorch, as asked for"
        if not NATIVE:
            return f"plain PyTorch, because {WHY}"
        if self.impl == "native":
            return "own C++ operator, CPU alone"
        return "own C++ operator on the CPU, plain PyTorch elsewhere"

    def _in_z(self, q: Any, p: Any, samples: Samples) -> Tensor:
        del q
        return self._mmd(samples.z, lambda: samples.draws_in_z(p), 2.0 * samples.z.shape[-1])

    def _in_theta(self, q: Any, p: Any, samples: Samples) -> Tensor:
        del q
        x = samples.log_theta.exp()
        return self._mmd(x, lambda: samples.draws_in_theta(p).exp(), 2.0)

    def _mmd(self, x: Tensor, draws: Callable[[], Tensor], distance: float) -> Tensor:
        if x.shape[0] == 0:
            return x.sum()  # 0, with a gradient of nothing
        y = draws().to(x.dtype)
        c = [scale * distance for scale in self.scales]
        return imq_mmd(x, y, c, self.unbiased, self.impl)
