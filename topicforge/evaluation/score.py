"""One score with its provenance, so that two numbers can be told apart before they are compared."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Score:
    """A value and everything needed to compute it again.

    Args:
        name: metric name, ``npmi`` say.
        value: the score of the whole list of topics.
        per_topic: (K,) the score of each topic in the order given; None where a metric has none.
        reference: the corpus the words or documents were counted in; None where none is needed.
        window: what counts as occurring together: ``"document"``, or the width of a sliding window
            in tokens; None where nothing co-occurs.
        top: words per topic that were used; None where topics' words play no part.
        rule: how the cases the formula leaves open were decided (pairs never seen, ties, halves).
        source: paper, and equation where it has a number.
    """

    name: str
    value: float
    per_topic: tuple[float, ...] | None
    reference: str | None
    window: int | str | None
    top: int | None
    rule: str
    source: str

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        said = [f"{self.name} {self.value:.4f}"]
        if self.top is not None:
            said.append(f"top {self.top} words")
        if self.reference is not None:
            said.append(f"reference: {self.reference}")
        if isinstance(self.window, int):
            said.append(f"window: {self.window} tokens")
        elif self.window is not None:
            said.append(f"window: {self.window}")
        return " | ".join([*said, f"rule: {self.rule}", self.source])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values; what is not finite becomes None (JSON's null)."""
        fields = asdict(self)
        fields["value"] = _json_number(self.value)
        if self.per_topic is not None:
            fields["per_topic"] = [_json_number(value) for value in self.per_topic]
        return fields


def _json_number(value: float) -> float | None:
    # JSON has no infinity; the rule beside it says why the value is not finite
    return value if math.isfinite(value) else None
