"""How a fit is watched: a bar with the loss terms on a terminal, a plain line per epoch in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeft
from rich.text import Text

from topicforge.cli.output import escaped, is_live, note, notes
from topicforge.contracts import Callback, EpochReport, FitStart

#: shown as they form
_TOPICS, _WORDS = 5, 8


def opening(start: FitStart) -> str:
    """What is about to be trained, in words."""
    return (
        f"{start.n_documents:,} documents, {start.vocab_size:,} words, {start.n_topics} topics; "
        f"divergence: {start.estimator}"
    )


def terms(report: EpochReport) -> str:
    """The loss terms of an epoch, in words."""
    said = [
        f"loss {report.loss:.4g}",
        f"reconstruction {report.reconstruction:.4g}",
        f"divergence {report.divergence:.4g} x {report.divergence_weight:.3g}",
        *(f"{name} {value:.4g}" for name, value in report.penalties.items()),
        f"{report.active_topics} active topics",
        f"{report.documents_per_second:,.0f} docs/s",
    ]
    if report.validation_loss is not None:
        said.insert(1, f"held-out {report.validation_loss:.4g}")
    return ", ".join(said)


class Lines(Callback):
    """A plain line per epoch."""

    def on_fit_start(self, start: FitStart) -> None:
        """Say what begins."""
        note(opening(start))

    def on_epoch_end(self, report: EpochReport) -> None:
        """Say how it went."""
        note(f"{report.phase} {report.epoch}/{report.epochs}: {terms(report)}")


class Bar(Callback):
    """A bar per phase with the time left, the last epoch's terms below.

    How many steps an epoch has is known once the first has ended; from then on the bar moves with steps.
    """

    def __init__(self) -> None:
        self._progress = _WithTerms(
            TextColumn("{task.description}"), BarColumn(bar_width=None),
            TextColumn("epoch {task.fields[epoch]}/{task.total:.0f}"),
            TimeElapsedColumn(), TextColumn("left"), TimeLeft(),
            console=notes, expand=True,
        )  # fmt: skip
        self._task: TaskID | None = None
        self._phase = ""
        self._done = self._steps = self._steps_an_epoch = 0
        self._start: FitStart | None = None
        self._words, self._read_at = "", 0.0

    def on_fit_start(self, start: FitStart) -> None:
        """Show an empty bar."""
        self._start = start
        note(opening(start))
        self._progress.said = "first epoch ..."
        self._progress.start()

    def on_step_end(self, step: int, terms: Mapping[str, float]) -> None:
        """Move the bar by a step."""
        self._steps = step + 1
        if self._task is not None and self._steps_an_epoch:
            share = min(1.0, self._steps / self._steps_an_epoch)
            self._progress.update(self._task, completed=self._done + share)
        else:
            self._progress.said = f"first epoch, step {self._steps}: loss {terms['loss']:.4g}"

    def on_epoch_end(self, report: EpochReport) -> None:
        """Move it to the epoch's end and show its terms."""
        if report.phase != self._phase:
            self._phase = report.phase
            self._task = self._progress.add_task(report.phase, total=report.epochs, epoch=0)
        assert self._task is not None
        self._done, self._steps_an_epoch = report.epoch, self._steps
        self._progress.said = terms(report) + self._topics(last=report.epoch == report.epochs)
        self._progress.update(self._task, completed=report.epoch, epoch=report.epoch)
        if report.epoch == report.epochs:
            # the name of the next phase is known when its first epoch has ended
            self._task = None

    def _topics(self, *, last: bool) -> str:
        """The words of a few topics, a line each, read anew every second at most."""
        now = time.monotonic()
        if self._start is not None and (last or now - self._read_at >= 1):
            self._read_at = now
            self._words = "".join(
                "\n" + escaped(f"topic {k}: {' '.join(words)}")[: notes.width]
                for k, words in enumerate(self._start.top_words(_TOPICS, _WORDS))
            )
        return self._words

    def on_fit_end(self, history: list[EpochReport]) -> None:
        """Leave the last state on the screen."""
        del history
        self._progress.stop()


class _WithTerms(Progress):
    """The bars with a paragraph below, which a column beside them would squeeze."""

    said = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        yield Text(self.said, style="dim")


def watcher() -> Callback:
    """Return the bar on a terminal, plain lines elsewhere."""
    return Bar() if is_live() else Lines()
