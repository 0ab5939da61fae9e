"""Races of an operator against other ways of computing the same, and other parties' functions in them.

A file ``bench_<op>.py`` states its races and ends with ``from races import bench_race``.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import NamedTuple

import torch
from baselines import step
from table import bandwidth, matrix_rate
from torch import Tensor

GROUP = "topicforge.contestants"


@dataclass(frozen=True)
class Setting:
    """The tensors of one race and the functions to time on them.

    Attributes:
        leaves: tensors with gradients, the arguments of every function.
        functions: contender → function of the leaves, with one tensor as its result.
        bind: takes a function with the signature of the operator, ``impl`` left out, and makes it
            a function of the leaves.
        comparable: contender → a view of [value, gradient of each leaf] in which it equals the
            native operator, for one that computes something a little different.
    """

    leaves: list[Tensor]
    functions: dict[str, Callable[..., Tensor]]
    bind: Callable[[Callable[..., Tensor]], Callable[..., Tensor]]
    comparable: dict[str, Callable[[list[Tensor]], list[Tensor]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Race:
    """One race.

    Attributes:
        operator: its public name in :mod:`topicforge.ops`, which a contestant names too.
        title: what is raced, with sizes.
        contenders: name → how many times as long as the native operator it must at least take, or None.
        make: builds the tensors, when the race begins.
        tolerance: how far value and gradients may be from the native operator's, relative to the
            largest entry of each.
        operations: floating-point operations of the matrix products that the task can't do
            without; where there are none, the floor is the reading of the arguments and the writing of
            the gradients.
        value_scale: the size of the terms of a value that is a difference of large terms.
    """

    operator: str
    title: str
    contenders: dict[str, float | None]
    make: Callable[[], Setting]
    tolerance: float
    operations: float | None = None
    value_scale: float = 0.0


class Errors(NamedTuple):
    """How far a contender is from the native operator: value, and the worst gradient."""

    value: float
    gradient: float


@dataclass(frozen=True)
class Contestant:
    """Another party's implementation of an operator."""

    operator: str
    label: str
    load: Callable[[], Callable[..., Tensor]]


def contestants(options: Sequence[str]) -> list[Contestant]:
    """Those that the command line and installed packages name.

    Args:
        options: "[OPERATOR=]MODULE:FUNCTION" each; the operator is the function's name if it is not
            given.
    """
    found = [Contestant(e.name, e.value, e.load) for e in entry_points(group=GROUP)]
    for option in options:
        operator, _, target = option.rpartition("=")
        module, _, function = target.partition(":")
        if not module or not function:
            raise ValueError(f"--contestant takes [OPERATOR=]MODULE:FUNCTION, but got {option!r}")
        load = lambda m=module, f=function: getattr(importlib.import_module(m), f)  # noqa: E731
        found.append(Contestant(operator or function, target, load))
    return found


class Entry:
    """One contender of one race, ready to run."""

    def __init__(self, race: Race, contender: str | Contestant) -> None:
        setting = race.make()
        if isinstance(contender, Contestant):
            self.name, function = contender.label, setting.bind(contender.load())
        else:
            self.name, function = contender, setting.functions[contender]
        self.race = race
        self.target = race.contenders.get(self.name)
        self.run = step(function, setting.leaves)
        self._native = step(setting.functions["native"], setting.leaves)
        self._comparable = setting.comparable.get(self.name, lambda tensors: tensors)

    def errors(self) -> Errors:
        """Compare with the native operator; an AssertionError names what is too far from it."""
        want, came = self._comparable(self._native()), self._comparable(self.run())
        assert len(want) == len(came), f"{len(came)} tensors instead of {len(want)}"
        errors = []
        for i, (a, b) in enumerate(zip(came, want, strict=True)):
            a, b = a.to_dense(), b.to_dense()
            size = max(float(b.abs().max()), self.race.value_scale if i == 0 else 0.0)
            errors.append(float((a.double() - b.double()).abs().max()) / size)
            what = "the value" if i == 0 else f"gradient {i}"
            assert errors[-1] < self.race.tolerance, f"{what} differs by {errors[-1]:.1e}"
        return Errors(errors[0], max(errors[1:], default=0.0))

    def floor(
        self, sizes: tuple[int, ...] = (1024, 2048), elements: int = 1 << 26
    ) -> tuple[float, str]:
        """Seconds of what the task can't do without, at rates measured now, and what that is.

        Args:
            sizes: of the matrix products that are timed.
            elements: of the copy that is timed.
        """
        if self.race.operations is not None:
            return self.race.operations / matrix_rate(sizes), "matrix products alone"
        value, *gradients = self._native()
        moved = _bytes(value) + 2 * sum(_bytes(x) for x in gradients)
        return moved / bandwidth(elements), "arguments and gradients alone"


def _bytes(x: Tensor) -> int:
    values = x.coalesce().values() if x.is_sparse else x
    return values.numel() * values.element_size()


def bench_race(entry: tuple[Race, str | Contestant], measure: Callable[[Entry], None]) -> None:
    """Every race of the file, with every contender; ``conftest.py`` hands them in."""
    race, contender = entry
    torch.manual_seed(0)
    measure(Entry(race, contender))
