"""The divergence: which pairs it serves, in which space, with which implementation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

from topicforge.plugin import Divergence, MixError, OptionError, Rule, Samples, Sides
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

    serves: ClassVar[str] = "every pair that can be sampled"

    def __init__(
        self,
        *,
        space: str = "auto",
        scales: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
        unbiased: bool = True,
        impl: str = "auto",
    ) -> None:
        self.space = _one_of("space", space, _SPACES)
        self.impl = _one_of("impl", impl, IMPLS)
        if not isinstance(unbiased, bool):
            raise OptionError(
                f"{_WHERE}: option 'unbiased' must be true or false, got {unbiased!r}"
            )
        self.unbiased = unbiased
        self.scales = _scales(scales)
        if impl == "native" and not NATIVE:
            raise OptionError(
                f"{_WHERE}: option 'impl' is 'native', but {WHY}; install the package again where "
                "torch and a C++ compiler are, or choose impl='auto'"
            )

    def resolve(self, sides: Sides) -> Rule:
        """Choose the space; refuse sides whose parameters get no gradient through samples.

        Args:
            sides: types and flags of posterior and prior.

        Raises:
            MixError: a side is not reparameterised, or z was asked for and a side is not there.
        """
        q, p = sides.posterior, sides.prior
        if not q.reparameterised:
            raise MixError(
                f"{_WHERE} trains through samples, but the posterior's {q.distribution.__name__} is "
                "not reparameterised, so the encoder would get no gradient; use an encoder whose "
                "posterior is, or kl"
            )
        if p.trainable and not p.reparameterised:
            raise MixError(
                f"{_WHERE} trains through samples, but this prior's {p.distribution.__name__} has "
                "learned parameters that its samples carry no gradient to (a mixture's weights); "
                "keep them fixed (gmm: prior__learn='components') or use kl"
            )
        both_in_z = q.space == "z" and p.space == "z"
        if self.space == "z" and not both_in_z:
            raise MixError(
                f"{_WHERE} was asked to compare z with z, but the posterior lives in {q.space} and "
                f"the prior in {p.space}; leave divergence__space out, or set it to 'theta'"
            )
        in_z = both_in_z and self.space != "theta"
        form = "unbiased" if self.unbiased else "biased"
        return Rule(
            self._in_z if in_z else self._in_theta,
            "sample estimate",
            "z" if in_z else "theta",
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
        return self._mmd(samples.z, p, lambda draws: draws, 2.0 * samples.z.shape[-1])

    def _in_theta(self, q: Any, p: Any, samples: Samples) -> Tensor:
        del q

        def on_simplex(draws: Tensor) -> Tensor:
            return (samples.link(draws) if p.space == "z" else draws).exp()

        return self._mmd(samples.log_theta.exp(), p, on_simplex, 2.0)

    def _mmd(self, x: Tensor, p: Any, carry: Any, distance: float) -> Tensor:
        n = x.shape[0]
        if n == 0:
            return x.sum()  # 0, with a gradient of nothing
        y = carry(p.rsample(n)).to(x.dtype)
        c = [scale * distance for scale in self.scales]
        return imq_mmd(x, y, c, self.unbiased, self.impl)


def _one_of(option: str, value: Any, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise OptionError(
            f"{_WHERE}: option {option!r} must be one of {', '.join(known)}, got {value!r}"
        )
    return value


def _scales(values: Any) -> tuple[float, ...]:
    listed = isinstance(values, Sequence) and not isinstance(values, str) and len(values) > 0
    if not listed or not all(map(_is_scale, values)):
        raise OptionError(
            f"{_WHERE}: option 'scales' must be one or more finite numbers > 0, got {values!r}"
        )
    return tuple(float(scale) for scale in values)


def _is_scale(value: Any) -> bool:
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and 0 < float(value) < math.inf
