"""Callbacks and metrics of a package, by name on the command line, in processes of their own."""

import json
import os

import pytest

PLUGIN = """
from topicforge.plugin import Callback, hookimpl
TOPICFORGE_API = 1
class StopAt(Callback):
    def __init__(self, *, epoch=1):
        self.epoch = epoch
    def on_epoch_end(self, report):
        return report.epoch >= self.epoch
class Breaks(Callback):
    def on_epoch_end(self, report):
        if report.epoch == 2:
            raise RuntimeError("the disk of the tracker is full")
@hookimpl
def topicforge_register(register):
    register.callback("stop-at", StopAt, summary="stops", source="a test")
    register.callback("breaks", Breaks, summary="breaks", source="a test")
    register.metric("spread", lambda given: float(given.theta.max(1).mean()), summary="largest theta",
                    source="a test", needs=("theta",), higher_is_better=False)
    register.metric("times", lambda given, *, by=1: by * len(given.topics), summary="topics",
                    source="a test")
"""


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "site"
    info = folder / "my_package-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[topicforge]\nmine = my_package_plugin\n")
    (folder / "my_package_plugin.py").write_text(PLUGIN)
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "TOPICFORGE_PLUGINS_ALLOW": "my-package",
    }


def test_callbacks_and_metrics_by_name(spawn, ended, package, corpus, tmp_path):
    model = tmp_path / "model"
    fit = ["train", corpus, "-o", model, "-k", 3, "--epochs", 4, "--json"]
    ran = ended(spawn(*fit, "--callback", "my-package:stop-at:epoch=2", env=package))
    assert ran.code == 0, ran.err
    assert ran.json["last_epoch"]["epoch"] == 2
    ran = ended(spawn("evaluate", model, "--metric", "times:by=2", "--json", env=package))
    assert ran.json["scores"]["times"]["value"] == 6


def test_a_callback_that_fails_does_not_cost_the_model(spawn, ended, package, corpus, tmp_path):
    model = tmp_path / "model"
    fit = ["train", corpus, "-o", model, "-k", 3, "--epochs", 4, "--callback", "breaks"]
    ran = ended(spawn(*fit, env=package))
    assert ran.code == 1
    assert "callback 'my-package:breaks' of my-package 1.2 failed in on_epoch_end" in ran.error
    assert f"The model is in {model}" in ran.error
    history = json.loads((model / "model.json").read_text())["history"]
    assert [report["epoch"] for report in history] == [1, 2]


def test_a_packages_metric_is_the_objective_of_a_search(spawn, ended, package, corpus, tmp_path):
    text = (
        "objective = 'OBJECTIVE'\ntrials = 3\n[corpora]\ndocs = 'CORPUS'\n[settings]\n"
        "preset = 'nvdm-gsm'\nn_topics = 3\nepochs = 1\n[space]\nlearning_rate = {low = 1e-4, high = 0.1}"
    ).replace("CORPUS", str(corpus))
    plan = tmp_path / "search.toml"
    plan.write_text(text.replace("OBJECTIVE", "spread"))
    ran = ended(spawn("search", plan, "-o", tmp_path / "out", "-j", 2, "--json", env=package))
    assert ran.code == 0, ran.err
    assert (ran.json["objective"], ran.json["direction"]) == ("spread", "minimize")
    values = [trial["value"] for trial in ran.json["trials"]]
    assert ran.json["best"]["value"] == min(values)
    plan.write_text(text.replace("OBJECTIVE", "times"))
    ran = ended(spawn("search", plan, "-o", tmp_path / "other", env=package))
    assert ran.code == 1
    assert "'times' does not state which direction is better" in ran.error


def test_a_packages_metric_is_compared(spawn, ended, package, corpus, tmp_path):
    (tmp_path / "study.toml").write_text(
        "metrics = ['spread', 'times']\nseeds = [0]\nn_topics = [3]\n"
        f"[corpora.one]\ntrain = '{corpus}'\nheld_out = '{corpus}'\n"
        "[compositions.mine]\npreset = 'nvdm-gsm'\nepochs = 1\n"
    )
    study = ["compare", tmp_path / "study.toml", "-o", tmp_path / "out", "-j", 1, "--json"]
    ran = ended(spawn(*study, env=package))
    assert ran.code == 0, ran.err
    (line,) = ran.json["lines"]
    assert line["mean"]["times"] == 3
    assert 1 / 3 <= line["mean"]["spread"] <= 1


@pytest.mark.parametrize(
    ("callback", "says"),
    [("nobody-at-all", "no callback is called 'nobody-at-all'"), ("a:b", "no callback is called")],
)
def test_an_unknown_callback_is_a_wrong_command(run, corpus, tmp_path, callback, says):
    ran = run("train", corpus, "-o", tmp_path / "model", "--callback", callback)
    assert ran.code == 2
    assert says in ran.error
    assert not (tmp_path / "model").exists()


def test_the_help_names_it(run):
    assert "--callback" in run("train", "--help").out
