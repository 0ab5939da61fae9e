"""Where training stands: everything of it that is no tensor of the network or the optimiser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from topicforge.contracts import EpochReport


class EpochSums:
    """Sums over the batches of an epoch, for its report.

    Args:
        n_topics: K.
    """

    def __init__(self, n_topics: int) -> None:
        self.documents = 0
        self.terms: dict[str, float] = {}
        self.largest = torch.zeros(n_topics, dtype=torch.int64)

    def add(self, documents: int, numbers: Mapping[str, float], largest: Tensor) -> None:
        """Count a batch: its loss terms, and each own document's largest topic."""
        self.documents += documents
        for name, value in numbers.items():
            self.terms[name] = self.terms.get(name, 0.0) + value * documents
        self.largest += torch.bincount(largest, minlength=len(self.largest)).cpu()

    def means(self) -> dict[str, float]:
        """Return the mean of each term per document."""
        return {name: value / self.documents for name, value in self.terms.items()}


@dataclass
class TrainingState:
    """Phase, epoch and step to do next, and what was seen.

    Args:
        phase: ``pretrain`` or ``train``.
        epoch: 0 for the first of its phase.
        step: 0 for the first of its epoch.
        sums: of the running epoch.
        history: one report per finished epoch.
        best_loss: lowest held-out loss, under early stopping.
        best: the parameters that had it.
        since_best: epochs since then.
    """

    phase: str = "pretrain"
    epoch: int = 0
    step: int = 0
    sums: EpochSums = field(default_factory=lambda: EpochSums(0))
    history: list[EpochReport] = field(default_factory=list)
    best_loss: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    since_best: int = 0

    def begin(self, phase: str) -> None:
        """Go to the first step of a phase."""
        self.phase, self.epoch, self.step = phase, 0, 0

    def end_epoch(self) -> None:
        """Go to the first step of the next epoch."""
        self.epoch, self.step = self.epoch + 1, 0

    def keep_best(self, loss: float, network: nn.Module) -> int:
        """Keep the parameters if this is the best held-out loss; return the epochs since the best."""
        if loss < self.best_loss:
            self.best_loss, self.since_best = loss, 0
            self.best = {k: v.detach().clone() for k, v in network.state_dict().items()}
        else:
            self.since_best += 1
        return self.since_best

    def described(self) -> dict[str, Any]:
        """All but the tensors, as JSON holds it."""
        return {
            "phase": self.phase,
            "epoch": self.epoch,
            "step": self.step,
            "documents": self.sums.documents,
            "terms": self.sums.terms,
            "history": [asdict(report) for report in self.history],
            "best_loss": None if math.isinf(self.best_loss) else self.best_loss,
            "since_best": self.since_best,
        }

    def restore(self, described: Mapping[str, Any], largest: Tensor) -> None:
        """Take over what :meth:`described` returned."""
        self.phase = str(described["phase"])
        self.epoch, self.step = int(described["epoch"]), int(described["step"])
        self.sums = EpochSums(len(largest))
        self.sums.documents = int(described["documents"])
        self.sums.terms = {str(k): float(v) for k, v in described["terms"].items()}
        self.sums.largest = largest
        # the same list: callbacks have it
        self.history[:] = [EpochReport(**report) for report in described["history"]]
        best = described["best_loss"]
        self.best_loss = math.inf if best is None else float(best)
        self.since_best = int(described["since_best"])
