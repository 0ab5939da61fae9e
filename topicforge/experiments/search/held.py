"""The documents of a search: those that it trains on, and those that it measures on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topicforge.corpus import Corpus
from topicforge.errors import InputError
from topicforge.storage import MANIFEST, read_bytes
from topicforge.training import Selection


@dataclass(frozen=True)
class Held:
    """One corpus and what is held out of it.

    Args:
        train: corpus folder.
        test: corpus folder to measure on; ``None`` holds out documents of ``train``.
        mark: changes when the documents change.
    """

    train: Path
    test: Path | None
    mark: str

    @classmethod
    def look(cls, train: Path, test: Path | None, where: str) -> Held:
        """Look at the folders.

        Raises:
            CorpusError: not a corpus folder, or damaged.
            InputError: the two have other words.
        """
        first = Corpus.open(train)
        if test is not None:
            second = Corpus.open(test)
            words = (first.vocab_size, first.vocabulary), (second.vocab_size, second.vocabulary)
            if words[0] != words[1]:
                raise InputError(
                    f"{where}: {train} and {test} must have the same words in the same columns; build "
                    f"the second with --vocab {train / 'vocabulary.txt'}"
                )
        described = [read_bytes(folder / MANIFEST) for folder in (train, test) if folder]
        return cls(train, test, hashlib.sha256(b"\0".join(described)).hexdigest())

    def open(self, share: float, seed: int) -> tuple[Corpus, Corpus]:
        """Return the documents to train on and those held out, both without empty ones.

        Args:
            share: of the documents held out, where no folder of their own is given.
            seed: of the choice.

        Raises:
            CorpusError: the folder changed.
            InputError: nothing left to train or to measure on.
        """
        whole = Corpus.open(self.train)
        if self.test is not None:
            return whole, Corpus.open(self.test)
        kept, held = (
            _rows(Selection(whole.counts, share, seed, held=held)) for held in (False, True)
        )
        if not (len(kept) and len(held)):
            raise InputError(
                f"search: held_out = {share} of {len(kept) + len(held)} documents of {self.train} leaves "
                f"{len(kept)} to train on and {len(held)} to measure on; both must be at least 1"
            )
        return _part(whole, kept, whole.name), _part(whole, held, f"{whole.name}, held out")


def _rows(selection: Selection) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, dtype=np.int64), *selection])


def _part(whole: Corpus, rows: NDArray[np.int64], name: str) -> Corpus:
    labels = None if whole.labels is None else tuple(whole.labels[row] for row in rows)
    return Corpus(whole.counts.select(rows), whole.vocabulary, labels, name)
