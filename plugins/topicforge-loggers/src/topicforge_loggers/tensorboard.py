"""TensorBoard: one folder of event files a fit."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from topicforge.plugin import Callback, EpochReport, FitStart, OptionError

from topicforge_loggers.library import check_text, library
from topicforge_loggers.numbers import numbers_of, settings_of


class TensorBoardLogger(Callback):
    """Writes settings and every epoch's numbers to ``log_dir/run_name``.

    Values are those of ``history_`` rounded to float32, because TensorBoard's server shows no others.
    The file is flushed after each epoch and closed when the fit ends, however it ends; after
    ``partial_fit``, which has no end, it stays open until the next fit or the end of the process,
    with nothing unwritten.

    Args:
        log_dir: folder of all runs, what ``tensorboard --logdir`` is given.
        run_name: folder of this run within it; ``None`` takes the time of day. A second fit under
            one name adds to its curves.

    Raises:
        TopicForgeError: tensorboard is not installed.
        OptionError: an option that is no text.
    """

    def __init__(self, *, log_dir: str = "runs", run_name: str | None = None) -> None:
        if isinstance(log_dir, os.PathLike):
            log_dir = os.fspath(log_dir)
        check_text("tensorboard", log_dir=log_dir, run_name=run_name)
        if log_dir is None:
            raise OptionError("callback 'tensorboard': log_dir must be a folder, got None")
        self._writers = library("torch.utils.tensorboard", "tensorboard")
        self.log_dir = log_dir
        self.run_name = run_name
        self._writer: Any = None

    def on_fit_start(self, start: FitStart) -> None:
        """Open the run and write the settings as a table."""
        self._close()
        rows = [f"| {name} | {value} |" for name, value in settings_of(start).items()]
        self._open().add_text("settings", "\n".join(["| setting | value |", "|---|---|", *rows]))

    def on_epoch_end(self, report: EpochReport) -> None:
        """Write the epoch's numbers; what is on disk is then complete."""
        writer = self._open()
        for name, value in numbers_of(report).items():
            writer.add_scalar(name, value, report.epoch)
        writer.flush()

    def on_fit_end(self, history: list[EpochReport]) -> None:
        """Close the file, also after an interruption."""
        del history
        self._close()

    def _open(self) -> Any:
        if self._writer is None:
            folder = Path(self.log_dir) / (self.run_name or _now())
            self._writer = self._writers.SummaryWriter(str(folder))
        return self._writer

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")
