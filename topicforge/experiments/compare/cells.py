"""One cell of a study: one contestant on one corpus with one K and one seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topicforge._version import __version__
from topicforge.corpus import Corpus
from topicforge.errors import InputError
from topicforge.storage import MANIFEST, read_bytes


@dataclass(frozen=True)
class Documents:
    """Where a corpus lies.

    Args:
        train: corpus folder to train on; coherence is counted on it.
        test: corpus folder whose theta is scored against its labels.
        mark: changes when the documents change.
    """

    train: Path
    test: Path
    mark: str

    @classmethod
    def open(cls, train: Path, test: Path) -> Documents:
        """Look at both folders.

        Raises:
            CorpusError: not a corpus folder, or damaged.
            InputError: the two have other words.
        """
        first, second = Corpus.open(train), Corpus.open(test)
        if first.vocabulary is None:
            raise InputError(
                f"compare: {train} must have a vocabulary, since topics are scored as words; build it "
                "again with --vocab"
            )
        if first.vocabulary != second.vocabulary:
            raise InputError(
                f"compare: {train} and {test} must have the same words in the same columns; build the "
                f"second with --vocab {train / 'vocabulary.txt'}"
            )
        described = [read_bytes(folder / MANIFEST) for folder in (train, test)]
        return cls(train, test, hashlib.sha256(b"\0".join(described)).hexdigest())


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
    documents: Documents
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
        """For people."""
        return f"{self.corpus}, {self.contestant}, K = {self.n_topics}, seed {self.seed}"

    @property
    def key(self) -> str:
        """Folder of its results: readable, and another one whenever anything behind them changes."""
        behind = {
            "documents": self.documents.mark,
            "settings": self.settings,
            "metrics": self.metrics,
            "files": {
                kind: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
                for kind, path in self.paths().items()
            },
            "topicforge": __version__,
        }
        mark = hashlib.sha256(json.dumps(behind, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self.corpus}/{self.contestant}/k{self.n_topics}-seed{self.seed}-{mark[:12]}"
