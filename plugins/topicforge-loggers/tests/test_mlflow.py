"""Runs read back by MLflow's own client."""

import sys
import uuid
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from topicforge.plugin import EpochReport, OptionError, TopicForgeError

from topicforge_loggers.mlflow import MlflowLogger
from topicforge_loggers.numbers import numbers_of


@pytest.fixture
def options(store):
    return {"tracking_uri": f"sqlite:///{store}", "experiment": uuid.uuid4().hex}


@pytest.fixture
def runs(options):
    """The experiment's runs, and the (step, value) pairs of a metric."""

    def runs():
        client = MlflowClient(tracking_uri=options["tracking_uri"])
        experiment = client.get_experiment_by_name(options["experiment"])
        found = client.search_runs([experiment.experiment_id])
        return [
            (run, lambda name, run=run: [
                (m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)
            ])
            for run in found
        ]  # fmt: skip

    return runs


def test_every_number_of_every_epoch_is_there_exactly(counts, small, expected, options, runs):
    logger = ("mlflow", {**options, "run_name": "mine"})
    training = {"validation_fraction": 0.2, "pretrain_epochs": 2}
    model = small(logger, preset="gmntm", training=training).fit(counts)
    ((run, metric),) = runs()
    assert (run.info.run_name, run.info.status) == ("mine", "FINISHED")
    names = {name for report in model.history_ for name in numbers_of(report)}
    assert set(run.data.metrics) == names
    for full in names:
        phase, name = full.split("/")
        assert metric(full) == expected(model.history_, phase, name)
    told = run.data.params
    assert (told["preset"], told["prior"], told["n_topics"]) == ("gmntm", "gmm", "3")
    assert told["learning_rate"] == repr(model.settings_.training.learning_rate)
    assert told["n_documents"] == "60"
    assert run.data.tags["epochs_done"] == str(len(model.history_))


def test_an_interrupted_fit_ends_its_run(counts, small, interrupt, expected, options, runs):
    model = small(("mlflow", options), interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(counts)
    ((run, metric),) = runs()
    assert run.info.end_time is not None
    assert run.data.tags["epochs_done"] == "2"
    assert metric("train/loss") == expected(model.history_, "train", "loss")


def test_each_fit_is_a_run(counts, small, options, runs):
    model = small(MlflowLogger(**options), epochs=1)
    model.fit(counts)
    model.fit(counts)
    assert len(runs()) == 2


def test_the_environment_says_where_runs_are_kept(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert MlflowLogger().tracking_uri == "http://localhost:5000"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert MlflowLogger().tracking_uri == f"sqlite:///{(Path.cwd() / 'mlflow.db').as_posix()}"


@pytest.mark.parametrize("wrong", [{"experiment": None}, {"experiment": " "}, {"run_name": 3}])
def test_options_that_are_no_texts(wrong):
    with pytest.raises(OptionError, match="must be a"):
        MlflowLogger(**wrong)


@pytest.mark.parametrize("missing", ["mlflow.tracking", "sqlalchemy", "alembic"])
def test_without_the_library_it_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(TopicForgeError, match=r"pip install 'topicforge-loggers\[mlflow\]'"):
        MlflowLogger()


def test_a_penalty_has_a_name_that_both_libraries_take():
    report = EpochReport(1, 2, "train", 3.0, 2.0, 1.0, 0.5, 4, 10.0, 0.1, penalties={"a(b)": 0.25})
    assert numbers_of(report) == {
        "train/loss": 3.0,
        "train/reconstruction": 2.0,
        "train/divergence": 1.0,
        "train/divergence_weight": 0.5,
        "train/active_topics": 4.0,
        "train/documents_per_second": 10.0,
        "train/learning_rate": 0.1,
        "train/penalty/a_b_": 0.25,
    }
