"""The documents of an experiment: those that models are trained on, and those that are held out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topicforge.corpus import Corpus
from topicforge.errors import InputError
from topicforge.parts.decoders.word_vectors import read_word_vectors
from topicforge.storage import MANIFEST, read_bytes, sha256
from topicforge.training import Selection


@dataclass(frozen=True)
class CorpusPair:
    """One corpus and what is held out.

    Args:
        train: corpus folder.
        held_out: corpus folder of held-out documents; ``None`` where there is none.
        checksum: of both; it changes when the documents change.
        labelled: whether the held-out documents, or else those of ``train``, have labels.
        has_words: whether there is a vocabulary.
        vectors: file of word vectors; ``None`` where there is none.
    """

    train: Path
    held_out: Path | None
    checksum: str
    labelled: bool
    has_words: bool
    vectors: Path | None = None

    @classmethod
    def find(cls, train: Path, held_out: Path | None, vectors: Path | None = None) -> CorpusPair:
        """Open both folders and compare every file with its checksum.

        Raises:
            CorpusError: not a corpus folder, or damaged.
            InputError: the two have other words, or the file of vectors is missing.
        """
        if vectors is not None and not vectors.is_file():
            raise InputError(f"vectors must be a file of word vectors, got {vectors}")
        first = Corpus.open(train)
        second = first if held_out is None else Corpus.open(held_out)
        if (first.vocab_size, first.vocabulary) != (second.vocab_size, second.vocabulary):
            raise InputError(
                f"{train} and {held_out} must have the same words in the same columns; build the second "
                f"with --vocab {train / 'vocabulary.txt'}"
            )
        manifests = [read_bytes(folder / MANIFEST) for folder in (train, held_out) if folder]
        if vectors is not None:
            manifests.append(sha256(vectors).encode())
        checksum = hashlib.sha256(b"\0".join(manifests)).hexdigest()
        return cls(
            train, held_out, checksum, second.labels is not None, first.vocabulary is not None,
            vectors,
        )  # fmt: skip

    def word_vectors(self) -> NDArray[np.float32] | None:
        """Return (V, E) vectors of the words, zeros where one has none; ``None`` without a file."""
        if self.vectors is None:
            return None
        corpus = self.open()[0]
        return read_word_vectors(self.vectors, corpus.vocabulary, corpus.vocab_size).values

    def open(self) -> tuple[Corpus, Corpus]:
        """Return the documents to train on and the held-out ones; without these, the former twice."""
        # compared with their checksums when the plan was read
        train = Corpus.open(self.train, verify=False)
        return train, train if self.held_out is None else Corpus.open(self.held_out, verify=False)

    def split(self, share: float, seed: int) -> tuple[Corpus, Corpus]:
        """Return the documents to train on and the held-out ones, split off where there are none.

        Args:
            share: of the documents of ``train``, without empty ones.
            seed: of the choice.

        Raises:
            InputError: nothing left to train on, or to hold out.
        """
        train, held_out = self.open()
        if self.held_out is not None:
            return train, held_out
        kept, held = (
            np.concatenate(
                [np.empty(0, np.int64), *Selection(train.counts, share, seed, held_out=held)]
            )
            for held in (False, True)
        )
        if not (len(kept) and len(held)):
            raise InputError(
                f"held_out = {share} of {len(kept) + len(held)} documents of {self.train} leaves "
                f"{len(kept)} to train on and {len(held)} held out; both must be at least 1"
            )

        def part(rows: np.ndarray, name: str) -> Corpus:
            labels = None if train.labels is None else tuple(train.labels[row] for row in rows)
            return Corpus(train.counts.select(rows), train.vocabulary, labels, name)

        return part(kept, train.name), part(held, f"{train.name}, held out")
