"""One cell of a study: one contestant on one corpus with one K and one seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topicforge._version import __version__
from topicforge.experiments.corpus_pair import CorpusPair
from topicforge.storage import sha256


@dataclass(frozen=True)
class Cell:
    """One run.

    Args:
        corpus: its name.
        documents: where it lies.
        contestant: name of the composition or peer.
        settings: TopicModel's parameters; of a composition.
        files: kind -> path with placeholders; of a peer.
        n_topics: K.
        seed: of the run.
        metrics: what is scored.
    """

    corpus: str
    documents: CorpusPair
    contestant: str
    settings: Mapping[str, Any]
    files: Mapping[str, str]
    n_topics: int
    seed: int
    metrics: tuple[str, ...]

    def paths(self) -> dict[str, Path]:
        """The peer's files of this cell."""
        fill = {"corpus": self.corpus, "n_topics": self.n_topics, "seed": self.seed}
        return {kind: Path(path.format(**fill)) for kind, path in self.files.items()}

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.corpus}, {self.contestant}, K = {self.n_topics}, seed {self.seed}"

    @property
    def key(self) -> str:
        """Folder of its results: readable, and another one whenever anything behind them changes."""
        behind = {
            "documents": self.documents.checksum,
            "settings": self.settings,
            "metrics": self.metrics,
            "files": {
                kind: sha256(path) if path.is_file() else None
                for kind, path in self.paths().items()
            },
            "topicforge": __version__,
        }
        mark = hashlib.sha256(json.dumps(behind, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self.corpus}/{self.contestant}/k{self.n_topics}-seed{self.seed}-{mark[:12]}"
