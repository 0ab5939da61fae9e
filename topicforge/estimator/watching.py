"""How a fit is watched without the command line: ``verbose=True`` prints, in a notebook it draws."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from html import escape
from typing import Any

import torch

from topicforge.contracts import Callback, EpochReport, FitStart
from topicforge.wiring.network import Network

#: topics and words that are shown as they form
TOPICS, WORDS = 5, 8


def words_now(
    network: Network, vocabulary: Sequence[str] | None, n_topics: int, top: int
) -> list[list[str]]:
    """Return the ``top`` words of the first ``n_topics`` topics in the middle of a training.

    Args:
        network: stays as it is, its batch statistics too.
        vocabulary: V words; ``None``: column numbers.
        n_topics: how many topics at most.
        top: how many words at most.
    """
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            scores = network.word_scores()[:n_topics]
            order = scores.topk(min(top, scores.shape[1]), dim=1).indices.tolist()
    finally:
        network.train(training)
    return [[str(v) if vocabulary is None else vocabulary[v] for v in row] for row in order]


def terms_as_html(report: EpochReport) -> str:
    """Return the loss terms of an epoch as a table of one row."""
    terms = {
        f"{report.phase} epoch": f"{report.epoch}/{report.epochs}",
        "loss": f"{report.loss:.4g}",
        **({} if report.validation_loss is None else {"held-out": f"{report.validation_loss:.4g}"}),
        "reconstruction": f"{report.reconstruction:.4g}",
        "divergence × weight": f"{report.divergence:.4g} × {report.divergence_weight:.3g}",
        **{name: f"{value:.4g}" for name, value in report.penalties.items()},
        "active topics": str(report.active_topics),
        "documents/s": f"{report.documents_per_second:,.0f}",
    }
    head = "".join(f"<th>{escape(name)}</th>" for name in terms)
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody><tr>"
        + "".join(f"<td>{escape(value)}</td>" for value in terms.values())
        + "</tr></tbody></table>"
    )


class Watcher(Callback):
    """One plain line per epoch; in a notebook one table that is drawn anew, and words as they form."""

    def __init__(self) -> None:
        self._start: FitStart | None = None
        self._handle: Any = None

    def on_fit_start(self, start: FitStart) -> None:
        """Keep what gives the words."""
        self._start, self._handle = start, None

    def on_epoch_end(self, report: EpochReport) -> None:
        """Print or draw the loss terms."""
        if not _in_notebook():
            print(
                f"{report.phase} {report.epoch}/{report.epochs}  loss {report.loss:.4f}  "
                f"reconstruction {report.reconstruction:.4f}  divergence {report.divergence:.4f} "
                f"(weight {report.divergence_weight:.3g})  active topics {report.active_topics}  "
                f"{report.documents_per_second:,.0f} documents/s"
            )
            return
        from IPython.display import HTML, display

        words = [] if self._start is None else self._start.top_words(TOPICS, WORDS)
        shown = terms_as_html(report) + "".join(
            f"<div>{k} {escape(' '.join(topic))}</div>" for k, topic in enumerate(words)
        )
        if self._handle is None:
            self._handle = display(HTML(shown), display_id=True)
        else:
            self._handle.update(HTML(shown))


def _in_notebook() -> bool:
    """Whether a kernel runs this, whose pages can be drawn on."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")
