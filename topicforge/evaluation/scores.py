"""Several scores by name, and what was left out and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from topicforge.errors import UnknownNameError, did_you_mean
from topicforge.evaluation.score import Score


class Scores(Mapping[str, Score]):
    """Metric name → :class:`Score`, read-only, in the order computed.

    Args:
        scores: the scores by metric name.
        skipped: metric name → why it was not computed.
    """

    def __init__(self, scores: Mapping[str, Score], skipped: Mapping[str, str]) -> None:
        self._scores = dict(scores)
        self.skipped: Mapping[str, str] = MappingProxyType(dict(skipped))

    def __getitem__(self, name: str) -> Score:
        if name in self._scores:
            return self._scores[name]
        if name in self.skipped:
            # a KeyError, because Mapping's own get() and `in` rest on it
            raise KeyError(f"score {name!r} was not computed: {self.skipped[name]}")
        raise KeyError(f"no score {name!r}.{did_you_mean(str(name), self._scores)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._scores)

    def __len__(self) -> int:
        return len(self._scores)

    def __str__(self) -> str:
        lines = [str(score) for score in self._scores.values()]
        lines += [f"{name} not computed: {why}" for name, why in self.skipped.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={score.value:.4f}" for name, score in self._scores.items())
        return f"Scores({values})"

    def values_only(self) -> dict[str, float]:
        """Return metric name → value, without the provenance."""
        return {name: score.value for name, score in self._scores.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"scores": {name: fields}, "skipped": {name: why}}`` of plain JSON values."""
        return {
            "scores": {name: score.to_dict() for name, score in self._scores.items()},
            "skipped": dict(self.skipped),
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """Return :meth:`to_dict` as strict JSON (no NaN or Infinity literals).

        Args:
            indent: spaces a level; None writes one line.
        """
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)


def check_metric_names(names: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raise for the first of ``names`` that is not among ``known``.

    Args:
        names: the metric names requested.
        known: metric names there are.

    Raises:
        UnknownNameError: with the nearest known name.
    """
    for name in names:
        if name not in known:
            raise UnknownNameError(
                f"evaluate: there is no metric named {name!r}."
                f"{did_you_mean(str(name), known)} Metrics: {', '.join(known)}. Those of other "
                "packages are found with registry=topicforge.registry.default_registry()"
            )
