"""A model folder that is served: opened, opened again on request, asked in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.errors import InputError, TopicForgeError
from topicforge.estimator.topic_model import TopicModel, load
from topicforge.serve.batcher import Batcher

#: words that are kept of each topic
MOST_WORDS = 100


@dataclass(frozen=True)
class Documents:
    """What a request asks about: texts, or counts by word.

    Args:
        texts: N texts, or ``None``.
        counts: N documents as word -> count, or ``None``.
        features: N rows of numbers, for a model that reads them.
    """

    texts: Sequence[str] | None = None
    counts: Sequence[Mapping[str, float]] | None = None
    features: Sequence[Sequence[float]] | None = None

    @property
    def n_documents(self) -> int:
        """N."""
        return len(self.texts if self.texts is not None else self.counts or ())


@dataclass(frozen=True)
class Topic:
    """One topic: its number, its label, its best words."""

    topic: int
    label: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """Theta (N, K) of a request, and the topics of the model that gave it."""

    theta: NDArray[np.float32]
    topics: tuple[Topic, ...]


class Opened:
    """A model in memory with what requests need of it."""

    def __init__(self, folder: Path, device: str) -> None:
        self.model: TopicModel = load(folder, device=device)
        self.topics = tuple(
            Topic(row.topic, row.label, row.words)
            for row in self.model.topic_table(top=min(MOST_WORDS, self.model.n_features_in_))
        )
        words = self.model.vocabulary_ or map(str, range(self.model.n_features_in_))
        self.columns = {word: column for column, word in enumerate(words)}

    def counts(self, documents: Documents) -> sp.csr_matrix:
        """Return the counts (N, V) of a request; words that are not the model's are left out.

        Raises:
            InputError: texts for a model that was fitted to counts; features of another shape.
        """
        width = self.model.network_.context.n_features
        features = documents.features or ()
        if len(features) != (documents.n_documents if width else 0) or any(
            len(row) != width for row in features
        ):
            raise InputError(
                f"features must be {width} numbers for each of the {documents.n_documents} documents"
                if width
                else "features must be left out: this model reads counts alone"
            )
        if documents.texts is not None:
            if self.model.vectorizer_ is None:
                raise InputError(
                    "texts can't be read: this model was fitted to counts; send counts by word"
                )
            return sp.csr_matrix(self.model.vectorizer_.transform(documents.texts))
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        for row, words in enumerate(documents.counts or ()):
            for word, count in words.items():
                if count > 0 and word in self.columns:
                    rows.append(row)
                    columns.append(self.columns[word])
                    values.append(count)
        shape = (documents.n_documents, len(self.columns))
        return sp.csr_matrix((values, (rows, columns)), shape=shape, dtype=np.float32)


class Served:
    """A model folder under a name.

    Args:
        name: in addresses.
        folder: of the model.
        device: ``auto``, or a torch device.
        batch_documents: largest number of documents computed together.
        most_waiting: requests that may wait.

    Raises:
        ModelFileError: the folder can't be opened.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        device: str = "auto",
        batch_documents: int = 1024,
        most_waiting: int = 1000,
    ) -> None:
        self.name = name
        self.folder = folder
        self._device = device
        self.opened = Opened(folder, device)
        self.batcher: Batcher[Documents] = Batcher(self._answer, batch_documents, most_waiting)

    def reload(self) -> None:
        """Open the folder again; requests meet the old model until the new one is there.

        Raises:
            ModelFileError: it can't be opened; the old model stays.
        """
        self.opened = Opened(self.folder, self._device)

    def _answer(self, requests: Sequence[Documents]) -> list[Answer | TopicForgeError]:
        """Answer together what can be read; what can't gets its own error."""
        opened = self.opened  # one model for the whole batch, whatever is loaded meanwhile
        read: list[sp.csr_matrix | TopicForgeError] = []
        for request in requests:
            try:
                read.append(opened.counts(request))
            except TopicForgeError as error:
                read.append(error)
        good = [counts for counts in read if not isinstance(counts, TopicForgeError)]
        features = [row for request, counts in zip(requests, read, strict=True)
                    if not isinstance(counts, TopicForgeError)
                    for row in request.features or ()]  # fmt: skip
        theta: Any = None
        if good:
            theta = opened.model._transform_quietly(
                sp.vstack(good, format="csr"),
                np.asarray(features, dtype=np.float32) if features else None,
            )
        answers: list[Answer | TopicForgeError] = []
        start = 0
        for counts in read:
            if isinstance(counts, TopicForgeError):
                answers.append(counts)
            else:
                stop = start + counts.shape[0]
                rows = theta[start:stop]
                finite = bool(np.isfinite(rows).all())
                wrong = InputError("theta is not finite; features or counts are too large")
                answers.append(Answer(rows, opened.topics) if finite else wrong)
                start = stop
        return answers
