"""The outcome of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["done", "pruned", "impossible", "failed", "running"]


@dataclass(frozen=True)
class Tried:
    """One trial.

    Args:
        number: 0 for the first.
        drawn: setting -> what was drawn for it.
        settings: TopicModel's parameters; empty where nothing could be drawn.
        status: ``done``; ``pruned``: stopped early; ``impossible``: parts or options that don't
            fit; ``failed``; ``running``: not ended yet.
        value: the objective at the end; of a pruned one where it stopped; ``None`` without any.
        epochs: that were run, over all corpora.
        planned: that it would have run.
        seconds: it took.
        error: why it is impossible or failed.
        same_as: an earlier trial with the same settings, whose outcome this one has without a run.
    """

    number: int
    drawn: Mapping[str, Any]
    settings: Mapping[str, Any]
    status: Status
    value: float | None = None
    epochs: int = 0
    planned: int = 0
    seconds: float = 0.0
    error: str | None = None
    same_as: int | None = None


@dataclass(frozen=True)
class Found:
    """A search so far.

    Args:
        objective: its name.
        higher_is_better: direction of the objective.
        trials: in order.
        importance: setting -> its share in how the objective of finished trials varies (functional
            ANOVA over a random forest, Hutter, Hoos and Leyton-Brown 2014); empty below four of
            them.
    """

    objective: str
    higher_is_better: bool
    trials: tuple[Tried, ...]
    importance: Mapping[str, float] = field(default_factory=dict)

    @property
    def ranked(self) -> list[Tried]:
        """Trials that ran to their end, best first; the same settings once."""
        sign = -1 if self.higher_is_better else 1
        ended = [t for t in self.trials if t.status == "done" and t.same_as is None]
        return sorted(ended, key=lambda t: (sign * (t.value or 0.0), t.number))

    @property
    def best(self) -> Tried | None:
        """The best trial that ran to its end, or ``None``."""
        return next(iter(self.ranked), None)
