"""How a fit is watched: a bar with the loss terms on a terminal, plain lines in a pipe."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from topicforge.cli.output import notes
from topicforge.contracts import Callback, EpochReport, FitStart


def line(report: EpochReport) -> str:
    """One epoch in words."""
    terms = [
        f"loss {report.loss:.4g}",
        f"reconstruction {report.reconstruction:.4g}",
        f"divergence {report.divergence:.4g} x {report.divergence_weight:.3g}",
        *(f"{name} {value:.4g}" for name, value in report.penalties.items()),
        f"{report.active_topics} active topics",
        f"{report.documents_per_second:,.0f} documents/s",
    ]
    if report.validation_loss is not None:
        terms.insert(1, f"held-out {report.validation_loss:.4g}")
    return ", ".join(terms)


class Lines(Callback):
    """A plain line an epoch."""

    def on_epoch_end(self, report: EpochReport) -> None:
        """Print it."""
        notes.print(f"{report.phase} {report.epoch}/{report.epochs}: {line(report)}")


class Bar(Callback):
    """A progress bar a phase, the loss terms under it, the time left beside it."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[terms]}"), console=notes,
        )  # fmt: skip
        self._task: TaskID | None = None
        self._phase = ""

    def on_fit_start(self, start: FitStart) -> None:
        """Show the bar."""
        notes.print(
            f"{start.n_documents:,} documents, {start.vocab_size:,} words, {start.n_topics} topics; "
            f"divergence: {start.estimator}"
        )
        self._progress.start()

    def on_epoch_end(self, report: EpochReport) -> None:
        """Move it."""
        if report.phase != self._phase:
            self._phase = report.phase
            self._task = self._progress.add_task(report.phase, total=report.epochs, terms="")
        assert self._task is not None
        terms = (
            f"loss {report.loss:.4g} | recon {report.reconstruction:.4g} | div "
            f"{report.divergence:.3g} | {report.active_topics} active | "
            f"{report.documents_per_second:,.0f} docs/s"
        )
        self._progress.update(self._task, completed=report.epoch, terms=terms)

    def on_fit_end(self, history: list[EpochReport]) -> None:
        """Close it."""
        del history
        self._progress.stop()


def watcher() -> Callback:
    """Return the bar on a terminal, plain lines elsewhere."""
    return Bar() if notes.is_terminal else Lines()
