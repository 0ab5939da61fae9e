"""Fitting so that nothing is lost by Ctrl-C, SIGTERM, a kill, or a full disk."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from topicforge.cli.output import note
from topicforge.cli.paths import check_output
from topicforge.contracts import Callback, EpochReport, FitStart
from topicforge.errors import CallbackError, InputError, TopicForgeError, TrainingError
from topicforge.storage import check_target, workspace

if TYPE_CHECKING:
    from topicforge.estimator.topic_model import TopicModel

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def training_folder(output: Path) -> Path:
    """Where the state of a training is kept until its model is written."""
    return output.absolute().with_name(f".{output.name}-training")


class _OneInterrupt(Callback):
    """The first Ctrl-C or SIGTERM stops training; later ones are ignored, and so wait for the save.

    Once the steps have begun it stops after the running one, where a checkpoint can be written.
    A signal that was ignored before, as of a program started with ``nohup``, stays ignored.
    """

    def __enter__(self) -> _OneInterrupt:
        self._before: dict[int, Any] = {}
        self._in_steps = self._asked = False
        # signals belong to the main thread; elsewhere there is nothing to catch
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._stop)
        return self

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.ignore()
        if not self._in_steps:
            raise KeyboardInterrupt
        self._asked = True

    def ignore(self) -> None:
        """From here on nothing interrupts."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def on_fit_start(self, start: FitStart) -> None:
        """From here on an interruption waits for the end of a step."""
        del start
        self._in_steps = True

    def on_step_end(self, step: int, terms: Mapping[str, float]) -> None:
        """Stop where that was asked for."""
        del step, terms
        if self._asked:
            raise KeyboardInterrupt

    def on_fit_end(self, history: list[EpochReport]) -> None:
        """The last step is done: reading the topics out and saving must not be cut in two."""
        del history
        self.ignore()

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


@contextmanager
def training(output: Path, force: bool) -> Iterator[Path]:
    """Hold the place of a model from before the work begins until it is written.

    Args:
        output: the model folder. One that is unfinished is gone on with, or replaced, without ``force``.
        force: replace a finished model.

    Yields:
        The folder for checkpoints. It is removed at the end, and kept where the block raises.

    Raises:
        OutputError, OptionError: something is in the way.
        StorageError: another process trains this model, or nothing can be written.
    """
    from topicforge.estimator.saved import MODEL, is_unfinished

    check_target(output, MODEL)
    with workspace(training_folder(output), output):
        check_output(output, MODEL, force or is_unfinished(output))
        yield training_folder(output)


def fit_and_save(
    model: TopicModel,
    documents: Any,
    output: Path,
    kept: Path,
    callbacks: Sequence[Callback] = (),
    features: Any = None,
    every: float | None = None,
) -> None:
    """Fit, then write the model folder, also after Ctrl-C or SIGTERM.

    Args:
        model: not fitted.
        documents: what ``fit`` takes.
        output: the model folder.
        kept: folder for checkpoints, see :func:`training`.
        callbacks: for this fit, besides the model's own.
        features: what ``fit`` takes beside the documents.
        every: seconds between checkpoints; ``None`` for no checkpoint.

    Raises:
        TrainingError: interrupted before there was a model, or training failed.
        CallbackError: a callback failed; if an epoch was done, the model was written.
        InputError: the folder could not be written; the model is in another place, which it names.
    """
    with _OneInterrupt() as guard:
        own = model.callbacks
        before = getattr(model, "network_", None)
        model.callbacks = (*own, *callbacks, guard)
        failure = None
        try:
            if every is None:
                model.fit(documents, features=features)
            else:
                if (kept / "checkpoint.json").is_file():
                    note(f"going on from {kept}")
                model.fit(documents, features=features, checkpoint=kept, checkpoint_every=every)
        except CallbackError as error:
            if getattr(model, "network_", None) is before:
                raise  # no epoch had ended
            failure = error
        except KeyboardInterrupt:
            if not hasattr(model, "network_"):
                goes_on = (kept / "checkpoint.json").is_file()
                raise TrainingError(
                    f"interrupted before the first epoch ended, so there is no model yet and {output} was "
                    f"not written{'; the same command goes on from there' if goes_on else ''}"
                ) from None
        finally:
            model.callbacks = own
        guard.ignore()
        try:
            model.save(output)
        except (OSError, TopicForgeError) as error:
            saved = Path(tempfile.mkdtemp(prefix="topicforge-")) / "model"
            model.save(saved)
            raise InputError(
                f"--output: {output} could not be written ({error}); the model is in {saved}"
            ) from error
    if failure is not None:
        raise CallbackError(f"{failure}. The model is in {output}") from failure
