"""MLflow: one run a fit."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from topicforge.plugin import Callback, EpochReport, FitStart, OptionError

from topicforge_loggers.library import check_text, library
from topicforge_loggers.numbers import numbers_of, settings_of

_PARAMETERS_AT_ONCE = 100


class MlflowLogger(Callback):
    """Logs settings as parameters and every epoch's numbers as metrics of a new run.

    The run is ended when the fit ends, however it ends; its tag ``epochs_done`` says how far it
    came. It does not touch a run that the program itself has active.

    Args:
        tracking_uri: where runs are kept; ``None`` takes ``MLFLOW_TRACKING_URI``, and without it
            the file ``mlflow.db`` in the working folder. A server's address works as well.
        experiment: the experiment that the run belongs to; made where there is none.
        run_name: ``None`` lets MLflow choose one.

    Raises:
        TopicForgeError: mlflow, or what opens its local store, is not installed.
        OptionError: an option that is no text.
    """

    def __init__(
        self,
        *,
        tracking_uri: str | None = None,
        experiment: str = "topicforge",
        run_name: str | None = None,
    ) -> None:
        check_text("mlflow", tracking_uri=tracking_uri, experiment=experiment, run_name=run_name)
        if experiment is None:
            raise OptionError("callback 'mlflow': experiment must be a name, got None")
        self._tracking = library("mlflow.tracking", "mlflow")
        self._entities = library("mlflow.entities", "mlflow")
        # MLflow keeps a connection open for each address, so it must not depend on the folder
        local = f"sqlite:///{(Path.cwd() / 'mlflow.db').as_posix()}"
        self.tracking_uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or local
        if self.tracking_uri.startswith("sqlite:"):
            library("sqlalchemy", "mlflow")
            library("alembic", "mlflow")
        self.experiment = experiment
        self.run_name = run_name
        self._client: Any = None
        self._run = ""

    def on_fit_start(self, start: FitStart) -> None:
        """Start the run and log the settings."""
        self._end()
        client = self._start()
        texts = settings_of(start).items()
        parameters = [self._entities.Param(name, text) for name, text in texts]
        for first in range(0, len(parameters), _PARAMETERS_AT_ONCE):
            some = parameters[first : first + _PARAMETERS_AT_ONCE]
            client.log_batch(self._run, params=some)

    def on_epoch_end(self, report: EpochReport) -> None:
        """Log the epoch's numbers in one batch."""
        client, now = self._start(), int(1000 * time.time())
        metrics = [
            self._entities.Metric(name, value, now, report.epoch)
            for name, value in numbers_of(report).items()
        ]
        client.log_batch(self._run, metrics=metrics)

    def on_fit_end(self, history: list[EpochReport]) -> None:
        """End the run, also after an interruption."""
        if self._run:
            self._client.set_tag(self._run, "epochs_done", len(history))
        self._end()

    def _start(self) -> Any:
        if not self._run:
            self._client = self._tracking.MlflowClient(tracking_uri=self.tracking_uri)
            known = self._client.get_experiment_by_name(self.experiment)
            number = (
                self._client.create_experiment(self.experiment)
                if known is None
                else known.experiment_id
            )
            run = self._client.create_run(number, run_name=self.run_name)
            self._run = run.info.run_id
        return self._client

    def _end(self) -> None:
        run, self._run = self._run, ""
        if run:
            self._client.set_terminated(run)
