"""What topicforge finds: two callbacks. Neither library is imported before its callback is built."""

from __future__ import annotations

from typing import Any

from topicforge.plugin import hookimpl

from topicforge_loggers.mlflow import MlflowLogger
from topicforge_loggers.tensorboard import TensorBoardLogger

TOPICFORGE_API = 1


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what this package brings."""
    register.callback(
        "tensorboard",
        TensorBoardLogger,
        summary="settings and every epoch's numbers as TensorBoard event files",
        source="https://www.tensorflow.org/tensorboard",
    )
    register.callback(
        "mlflow",
        MlflowLogger,
        summary="settings and every epoch's numbers as a run of MLflow",
        source="https://mlflow.org",
    )
