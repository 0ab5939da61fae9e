import os

import numpy as np
import pytest
import scipy.sparse as sp
from topicforge import TopicModel
from topicforge.plugin import Callback

# mlflow would report home that it was imported
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


class Interrupt(Callback):
    def on_epoch_end(self, report):
        if report.epoch == 2:
            raise KeyboardInterrupt


@pytest.fixture(scope="session")
def counts():
    return sp.csr_array(np.random.default_rng(0).poisson(0.7, (60, 12)))


@pytest.fixture
def small():
    def small(*callbacks, **parameters):
        parameters = {"n_topics": 3, "epochs": 4, "batch_size": 30, **parameters}
        return TopicModel(callbacks=list(callbacks), **parameters)

    return small


@pytest.fixture
def interrupt():
    return Interrupt()


def expected(history, phase, name):
    """(epoch, value) pairs of a number, as the history has them."""
    return [(r.epoch, float(getattr(r, name))) for r in history if r.phase == phase]


@pytest.fixture(name="expected")
def _expected():
    return expected


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """One MLflow store for all tests, because making its tables takes longer than they do."""
    from mlflow.tracking import MlflowClient

    file = tmp_path_factory.mktemp("mlflow") / "runs.db"
    MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file
