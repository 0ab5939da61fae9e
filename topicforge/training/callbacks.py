"""Callbacks in a fit: what they raise becomes one error, and no fit is lost to it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from topicforge.contracts import Callback, EpochReport, FitStart
from topicforge.errors import CallbackError, PluginWarning
from topicforge.training.named import Named


class Callbacks:
    """Calls callbacks in order; what one of them raises becomes an error that names it.

    A KeyboardInterrupt passes, because a callback's cannot be told from the user's.

    Args:
        callbacks: in the order of calling.
        history: the fit's own list of finished epochs, read where an error is worded.
    """

    def __init__(self, callbacks: Sequence[Named], history: list[EpochReport]) -> None:
        self._named = list(callbacks)
        self._history = history
        self._started: list[Named] = []
        self._steps = [
            one for one in callbacks if type(one.part).on_step_end is not Callback.on_step_end
        ]

    def fit_start(self, start: FitStart) -> None:
        """Before the first step.

        Raises:
            CallbackError: one of them raised; those after it are not called.
        """
        self._started = []
        for one in self._named:
            # one that fails half-way through its start is ended too: it may hold an open file
            self._started.append(one)
            self._call(one, "on_fit_start", start)

    def step_end(self, step: int, terms: Mapping[str, float]) -> bool:
        """After a step; returns whether any of them wants to stop.

        Raises:
            CallbackError: one of them raised.
        """
        stop = False
        for one in self._steps:
            wants = self._call(one, "on_step_end", step, terms)
            stop = wants or stop
        return stop

    def epoch_end(self, report: EpochReport) -> bool:
        """After an epoch; returns whether any of them wants to stop.

        Raises:
            CallbackError: one of them raised.
        """
        stop = False
        for one in self._named:
            wants = self._call(one, "on_epoch_end", report)
            stop = wants or stop
        return stop

    def fit_end(self, ending: BaseException | None) -> None:
        """After the last step: every callback that was started is ended, whatever else fails.

        Args:
            ending: what ended the fit early, if anything did. The caller gets this; a
                callback's own failure is then a warning.

        Raises:
            CallbackError: a callback raised, and nothing else had.
        """
        failure: CallbackError | None = None
        for one in self._started:
            try:
                self._call(one, "on_fit_end", self._history)
            except CallbackError as error:
                if ending is None and failure is None:
                    failure = error
                else:
                    warnings.warn(str(error), PluginWarning, stacklevel=2)
        self._started = []
        if failure is not None:
            raise failure

    def _call(self, one: Named, method: str, *arguments: object) -> bool:
        """Call a method; returns whether the callback wants to stop."""
        try:
            return bool(getattr(one.part, method)(*arguments))
        except (Exception, SystemExit) as error:
            done = len(self._history)
            kept = (
                f"the model is kept as it was after {done} epoch{'s' * (done > 1)}, like an "
                "interrupted one"
                if done
                else "no epoch had ended, so there is no new model; whatever was fitted before is kept"
            )
            raise CallbackError(
                f"TopicModel.fit: {one.title} failed in {method} with {type(error).__name__}: "
                f"{error}; {kept}. Leave the callback out, or report it to its authors"
            ) from error
