"""Theta of a column of texts, as Spark, Ray Data and Dask map it over their workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from topicforge.errors import InputError
from topicforge.estimator.topic_model import TopicModel, load

_LOADING = Lock()


class ThetaMapper:
    """Data frames with texts -> the same frames with theta, one float32 column per topic.

    It holds the folder's path and no model, so that it is pickled in a few bytes; each worker process
    opens the model once, from a path that it must be able to read. The numbers are those of
    :meth:`TopicModel.transform`, bit for bit, however the rows are split.

    Spark calls it with an iterator (``mapInPandas``), Ray Data (``map_batches`` with
    ``batch_format="pandas"``) and Dask (``map_partitions``) with one frame.

    Args:
        folder: the model's.
        column: of the frames, with the texts.
        device: of each worker.

    Attributes:
        columns: names of the columns that are added: ``theta_0`` to ``theta_{K - 1}``.
    """

    def __init__(self, folder: str | Path, column: str, *, device: str = "cpu") -> None:
        self._folder = str(Path(folder).resolve())
        self._column = column
        self._device = device

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are added."""
        return [f"theta_{k}" for k in range(len(self._model().topic_word_))]

    def __call__(self, frames: Any) -> Any:
        """Return a frame with theta, or an iterator of them where an iterator of frames came.

        Raises:
            InputError: a frame lacks the column or has one that is to be added, or a value is no text.
            ModelFileError: the folder can't be opened by this worker.
        """
        return self._frame(frames) if hasattr(frames, "columns") else self._frames(frames)

    def _frames(self, frames: Iterable[Any]) -> Iterator[Any]:
        for frame in frames:
            yield self._frame(frame)

    def _frame(self, frame: Any) -> Any:
        names = self.columns
        taken = [name for name in names if name in frame.columns]
        if self._column not in frame.columns or taken:
            raise InputError(
                f"ThetaMapper: frames must have a column {self._column!r} and none called "
                f"{names[0]!r} to {names[-1]!r}, got {', '.join(map(str, frame.columns))}"
            )
        theta = np.empty((0, len(names)), dtype=np.float32)
        if len(frame):
            theta = self._model()._transform_quietly(frame[self._column].tolist())
        return frame.assign(**dict(zip(names, theta.T, strict=True)))

    def _model(self) -> TopicModel:
        with _LOADING:  # threads of one worker share it
            return _opened(self._folder, self._device)


@cache
def _opened(folder: str, device: str) -> TopicModel:
    return load(folder, device=device)
