"""Callbacks: from what a user wrote to objects, and called so that none of them takes a fit away."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from topicforge.contracts import Callback, EpochReport, FitStart
from topicforge.errors import CallbackError, OptionError, PluginWarning
from topicforge.registry import Registry, build, check_options


@dataclass(frozen=True)
class Watcher:
    """A callback and how an error is to name it.

    Args:
        callback: the object.
        name: ``callback 'package:name' of package 1.0``, or the class of one that has no package.
    """

    callback: Callback
    name: str


def resolve_callbacks(registry: Registry, callbacks: object) -> list[Watcher]:
    """Return a watcher for each of ``TopicModel``'s callbacks; those by name are built.

    Args:
        registry: where names are looked up.
        callbacks: a sequence of names, of ``(name, {option: value})``, and of Callback objects.

    Raises:
        UnknownNameError: no such callback or option; the nearest is named.
        OptionError: something else among them; or a callback refuses an option's value.
        PluginError: a callback can't be built.
    """
    if isinstance(callbacks, str) or not isinstance(callbacks, Iterable):
        raise OptionError(f"TopicModel: callbacks must be a list, got {callbacks!r}; write [...]")
    return [_watcher(registry, item) for item in callbacks]


def _watcher(registry: Registry, item: object) -> Watcher:
    if isinstance(item, Callback):
        return Watcher(item, f"callback {type(item).__module__}.{type(item).__qualname__}")
    name, options = item if isinstance(item, (tuple, list)) and len(item) == 2 else (item, {})
    if not isinstance(name, str) or not isinstance(options, Mapping):
        raise OptionError(
            "TopicModel: callbacks must be names, (name, {option: value}) or "
            f"topicforge.plugin.Callback objects, got {item!r}"
        )
    spec = registry.find("callback", name)
    check_options(spec, options, f"TopicModel: callback {name!r}")
    return Watcher(
        build(spec, options),
        f"callback {spec.qualified_name!r} of {spec.distribution} {spec.version}",
    )


class Watchers:
    """Calls callbacks in order and turns what they raise into one error that names the culprit.

    A KeyboardInterrupt passes, because nobody can tell a callback's from the user's.

    Args:
        watchers: in the order of calling.
        history: the fit's own list of finished epochs, read where an error is worded.
    """

    def __init__(self, watchers: Sequence[Watcher], history: list[EpochReport]) -> None:
        self._watchers = list(watchers)
        self._history = history
        self._started: list[Watcher] = []
        self._steps = [
            w for w in watchers if type(w.callback).on_step_end is not Callback.on_step_end
        ]

    def fit_start(self, start: FitStart) -> None:
        """Before the first step.

        Raises:
            CallbackError: one of them raised; those after it are not called.
        """
        self._started = []
        for watcher in self._watchers:
            # one that fails half-way through its start is ended too: it may hold an open file
            self._started.append(watcher)
            self._call(watcher, "on_fit_start", start)

    def step_end(self, step: int, terms: Mapping[str, float]) -> bool:
        """After a step; returns whether anybody wants to stop.

        Raises:
            CallbackError: one of them raised.
        """
        stop = False
        for watcher in self._steps:
            wants = self._call(watcher, "on_step_end", step, terms)
            stop = wants or stop
        return stop

    def epoch_end(self, report: EpochReport) -> bool:
        """After an epoch; returns whether anybody wants to stop.

        Raises:
            CallbackError: one of them raised.
        """
        stop = False
        for watcher in self._watchers:
            wants = self._call(watcher, "on_epoch_end", report)
            stop = wants or stop
        return stop

    def fit_end(self, ending: BaseException | None) -> None:
        """After the last step: every callback that was started is ended, whoever else fails.

        Args:
            ending: what ended the fit early, if anything did. It is what the caller learns; a
                callback's own failure is then a warning.

        Raises:
            CallbackError: a callback raised, and nothing else had.
        """
        failure: CallbackError | None = None
        for watcher in self._started:
            try:
                self._call(watcher, "on_fit_end", self._history)
            except CallbackError as error:
                if ending is None and failure is None:
                    failure = error
                else:
                    warnings.warn(str(error), PluginWarning, stacklevel=2)
        self._started = []
        if failure is not None:
            raise failure

    def _call(self, watcher: Watcher, method: str, *arguments: object) -> bool:
        """Call a method; returns whether the callback wants to stop."""
        try:
            return bool(getattr(watcher.callback, method)(*arguments))
        except (Exception, SystemExit) as error:
            done = len(self._history)
            kept = (
                f"the model is kept as it was after {done} epoch{'s' * (done > 1)}, like an "
                "interrupted one"
                if done
                else "no epoch had ended, so there is no new model; whatever was fitted before is kept"
            )
            raise CallbackError(
                f"TopicModel.fit: {watcher.name} failed in {method} with {type(error).__name__}: "
                f"{error}; {kept}. Leave the callback out, or report it to its authors"
            ) from error
